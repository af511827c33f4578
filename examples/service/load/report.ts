// The figures of the trials as a table for a terminal.
import type { Outcome } from "./traffic.ts";
import type { Phase, Trial } from "./trial.ts";

export function printReport(trials: readonly Trial[]): void {
  const rows = trials.flatMap((trial) =>
    trial.phases.flatMap((phase) =>
      (["pool", "decode"] as const).map((route) => describeRoute(trial, phase, route)),
    ),
  );
  console.table(rows);
  for (const trial of trials) {
    const { backend, computes, threads, idle, memory, garbage, threadsKilled, shutdown } = trial;
    const sent = garbage.reduce((sum, one) => sum + one.sent, 0);
    console.log(
      [
        `${backend}: ${computes}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
        `  event loop without load: p50 ${round(idle.p50)} ms, p99 ${round(idle.p99)} ms`,
        `  resident ${mebibytes(memory.rssBefore)} before, ${mebibytes(memory.rssAfter)} after`,
        `  linear memory: ${mebibytes(memory.used)} in use, ${mebibytes(memory.sessions)} of ${memory.liveSessions} sessions, ${mebibytes(memory.reserved)} kept`,
        `  ${sent} requests of ${garbage.length} kinds of garbage, ${threadsKilled} threads killed`,
        `  SIGTERM: exit code ${shutdown.exitCode}, the request in flight ${shutdown.answered ? "answered" : "lost"}`,
      ].join("\n"),
    );
  }
}

function describeRoute(trial: Trial, phase: Phase, route: "pool" | "decode"): object {
  const outcome: Outcome = phase[route];
  return {
    backend: trial.backend,
    load: phase.name,
    route,
    connections: outcome.connections,
    "done/s": Math.round(doneOf(outcome) / outcome.seconds),
    refused: countStatuses(outcome, (status) => status >= 500),
    failed: countStatuses(outcome, (status) => status >= 300 && status < 500),
    lost: outcome.lost,
    "wrong/checked": `${outcome.wrong}/${outcome.checked}`,
    "p50 ms": round(outcome.latency.p50),
    "p99 ms": round(outcome.latency.p99),
    "loop p50 ms": round(phase.delay.p50),
    "loop p99 ms": round(phase.delay.p99),
  };
}

/** Requests that were answered with what they asked for. */
function doneOf(outcome: Outcome): number {
  return countStatuses(outcome, (status) => status < 300);
}

function countStatuses({ statuses }: Outcome, counts: (status: number) => boolean): number {
  return Object.entries(statuses).reduce(
    (sum, [status, count]) => sum + (counts(Number(status)) ? count : 0),
    0,
  );
}

function round(x: number): number {
  return Math.round(x * 10) / 10;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
