/** A kind of fault of one world. */
export interface Fault {
  readonly name: string;
  readonly weight: number;
  readonly strike: () => void;
  readonly isPossible?: boolean;
}
