import { createEngine, type Engine } from "../index.ts";

/** The engine that the options ask for. @param note says where other kernels compute than were asked for */
export function openEngine(
  { kernels, threads }: NonNullable<Parameters<typeof createEngine>[0]>,
  note: (text: string) => void,
): Engine {
  const engine = createEngine({ kernels, threads });
  const chosen = engine.info();
  if (kernels === "wide" && chosen.kernels !== "wide")
    note(`${chosen.kernels} kernels compute: ${chosen.kernelsReason.replace('"kernels"', "--kernels")}`);
  return engine;
}
