import { Command, CommanderError, Option } from 'commander';
import { check } from './commands/check.js';
import { forgetNode } from './commands/forget-node.js';
import { get, type GetOptions } from './commands/get.js';
import { put, type PutOptions } from './commands/put.js';
import { recover, type RecoverOptions } from './commands/recover.js';
import { rejoin, type RejoinOptions } from './commands/rejoin.js';
import { status, type StatusOptions } from './commands/status.js';
import { watch, type WatchOptions } from './commands/watch.js';
import type { NodeOptions } from './configuration.js';
import type { InitOptions } from './commands/init.js';
import { CommandError, type CliContext } from './context.js';
import { errorText } from './error-text.js';
import { exitCodes, type ExitCode } from './exit-codes.js';
import type { TargetOptions } from './target.js';

/** Runs one command line (without node and script) to its exit code; what went wrong is said on standard error. */
export async function runCommandLine(
  args: readonly string[],
  context: CliContext,
  version: string,
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = buildProgram(context, version, (code) => (exitCode = code));
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    context.terminal.say(errorText(error));
    return error instanceof CommandError ? error.exitCode : exitCodes.error;
  }
}

function buildProgram(context: CliContext, version: string, done: (code: ExitCode) => void): Command {
  const program = new Command('meridian')
    .description('A geo-distributed, multi-master, transactional key-value service for the edge.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeErr: (text) => context.terminal.say(text.trimEnd()) })
    .showHelpAfterError('Try `meridian --help`.')
    .addHelpText('after', `\nExit status: ${exitStatusText}`);
  const subcommand = (name: string, description: string): Command =>
    program.command(name).description(description).showHelpAfterError(`Try \`meridian ${name} --help\`.`);

  nodeCommands(subcommand, context, done);
  targetOptions(subcommand('status', 'show nodes, states, lag, sequencers, epochs and round trips'))
    .addOption(
      new Option('-o, --output <format>', 'for people, or for programs')
        .choices(['table', 'json'])
        .default('table'),
    )
    .action(async (options: StatusOptions) => done(await status(options, context)));
  targetOptions(subcommand('get', "write a key's value to standard output, byte for byte"))
    .argument('<keyspace>')
    .argument('<key>')
    .option('--causal', 'see everything that was committed before, anywhere')
    .option('--after <gtid>', 'see at least this commit: a causality token, as put prints it')
    .action(async (keyspace: string, key: string, options: Omit<GetOptions, 'keyspace' | 'key'>) =>
      done(await get({ keyspace, key, ...options }, context)),
    );
  targetOptions(subcommand('put', 'write a value under a key; prints the GTID of the commit'))
    .argument('<keyspace>')
    .argument('<key>')
    .argument('<value>')
    .option('--ttl <seconds>', 'let the key expire')
    .option('--content-type <type>', "the value's media type", 'text/plain; charset=utf-8')
    .option('--idempotency-key <uuid>', 'a UUIDv7: the same key again commits at most once')
    .action(
      async (
        keyspace: string,
        key: string,
        value: string,
        options: Omit<PutOptions, 'keyspace' | 'key' | 'value'>,
      ) => done(await put({ keyspace, key, value, ...options }, context)),
    );
  targetOptions(subcommand('watch', 'print commits as they come, one JSON object per line'))
    .argument('<keyspace>')
    .argument('[prefix]', 'only changes of keys that begin with it')
    .option(
      '--from <position>',
      "begin after this commit, or 'oldest': with the oldest that is kept (default: what is committed from now on)",
    )
    .action(
      async (
        keyspace: string,
        prefix: string | undefined,
        options: Omit<WatchOptions, 'keyspace' | 'prefix'>,
      ) => done(await watch({ keyspace, prefix, ...options }, context)),
    );
  adminCommands(subcommand, context, done);
  return program;
}

/** What runs on a node's own machine. */
function nodeCommands(
  subcommand: (name: string, description: string) => Command,
  context: CliContext,
  done: (code: ExitCode) => void,
): void {
  // Loaded when asked for: the other commands need nothing of a node, and answer sooner without its libraries.
  nodeOptions(subcommand('init', 'begin the histories of the keyspaces that have their home at a node'))
    .option('--unless-begun', 'no error when all of them have begun already')
    .action(async (options: InitOptions) => {
      const { init } = await import('./commands/init.js');
      done(await init(options, context));
    });
  nodeOptions(subcommand('start', 'run a node until SIGTERM or SIGINT'))
    .option(
      '--insecure',
      'go without TLS where other machines can reach the node, or the way to etcd (or: MERIDIAN_INSECURE=true)',
    )
    .action(async (options: NodeOptions) => {
      const { start } = await import('./commands/start.js');
      done(await start(options, context));
    });
}

/** What operators do; the token is one of the nodes' `adminTokens`. */
function adminCommands(
  subcommand: (name: string, description: string) => Command,
  context: CliContext,
  done: (code: ExitCode) => void,
): void {
  targetOptions(subcommand('check', 'compare the state of a keyspace at all nodes'))
    .argument('<keyspace>')
    .action(async (keyspace: string, options: TargetOptions) =>
      done(await check({ keyspace, ...options }, context)),
    );
  targetOptions(
    subcommand('rejoin', "have nodes give up their copies of a keyspace and take new ones from the others'"),
  )
    .argument('<keyspace>')
    .option('--at <node...>', 'the nodes: ids of regions/cluster.yaml, or URLs (default: the one of --url)')
    .action(async (keyspace: string, options: Omit<RejoinOptions, 'keyspace'>) =>
      done(await rejoin({ keyspace, ...options }, context)),
    );
  targetOptions(
    subcommand('recover', 'begin a new history of a keyspace with the most advanced copy, at its home'),
  )
    .argument('<keyspace>')
    .option('--without <node...>', 'nodes that are lost: it goes on without asking them')
    .option('--yes', 'do not ask whether to do what the plan says')
    .action(async (keyspace: string, options: Omit<RecoverOptions, 'keyspace'>) =>
      done(await recover({ keyspace, ...options }, context)),
    );
  targetOptions(
    subcommand(
      'forget-node',
      'have a log that nodes share wait no longer for a node that will not come back',
    ),
  )
    .argument('<keyspace>')
    .argument('<node>', 'its id')
    .action(async (keyspace: string, node: string, options: TargetOptions) =>
      done(await forgetNode({ keyspace, node, ...options }, context)),
    );
}

const exitStatusText =
  '0 done, 1 error, 2 usage, 3 conflict, 4 not found, 5 not available, 6 outcome unknown, 7 nodes differ.';

function nodeOptions(command: Command): Command {
  return command
    .requiredOption('--node <id>', 'the node, as the cluster file names it')
    .option('--cluster <file>', "the cluster's file (default: regions/cluster.yaml)")
    .option('--config <file>', "the node's file (default: <region>.yaml beside the cluster's)");
}

function targetOptions(command: Command): Command {
  return command
    .option('--url <url>', 'a node (default: MERIDIAN_URL, else the nodes of regions/cluster.yaml)')
    .option('--token <token>', 'a bearer token (default: MERIDIAN_TOKEN)')
    .option(
      '--ca <file>',
      'PEM of the authorities of nodes with https (default: those of Node.js, and of NODE_EXTRA_CA_CERTS)',
    );
}
