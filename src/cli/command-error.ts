/**
 * What ends the command with one line on stderr. The exit code is 2 where the command was called
 * wrongly, 1 where it failed at its work.
 */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
