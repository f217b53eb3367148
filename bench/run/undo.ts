type Action = () => Promise<unknown> | void;

/** What has to be undone, in the order in which it was done. */
export class Undo {
  private readonly actions: Action[] = [];
  private running: Promise<void> | undefined;

  /** Once `run` was called, the action is taken as soon as those before it are over. */
  add(action: Action): void {
    if (this.running === undefined) this.actions.push(action);
    else this.running = this.running.then(action).then(() => undefined);
  }

  /** A part that can be undone earlier; undone with the whole at the latest. */
  scope(): Undo {
    const part = new Undo();
    this.add(() => part.run());
    return part;
  }

  /** Backwards, each action once, also when one fails; then the first failure is thrown. May be called again. */
  run(): Promise<void> {
    return (this.running ??= this.runAll());
  }

  private async runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let action = this.actions.pop(); action !== undefined; action = this.actions.pop())
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    if (failures.length > 0) throw failures[0] as Error;
  }
}
