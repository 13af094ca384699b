/** A training run of any task, as `runEpochs` goes through it. */
export interface EpochRun<Event> {
  readonly settings: { readonly epochs: number; readonly patience: number };
  /** Counted from 0; later ones for a run that goes on. */
  readonly firstEpoch: number;
  opening(): AsyncGenerator<Event>;
  trainEpoch(epoch: number): AsyncGenerator<Event>;
  /** Validates and saves. */
  finishEpoch(epoch: number): Promise<{ event: Event; messages: readonly string[] }>;
  /** The best epoch so far, counted from 1; 0 before there is one. */
  bestEpoch(): number;
  end(): Promise<Event>;
  close(): Promise<void>;
}

/** A line for people. */
export interface Report {
  readonly type: "report";
  readonly message: string;
}

/** Trains epoch after epoch; the events come as they happen, and leaving the loop early stops it with all files whole. */
export async function* runEpochs<Event>(run: EpochRun<Event>): AsyncGenerator<Event | Report> {
  const { epochs, patience } = run.settings;
  try {
    yield* run.opening();
    for (let epoch = run.firstEpoch; epoch < epochs; epoch++) {
      yield* run.trainEpoch(epoch);
      const { event, messages } = await run.finishEpoch(epoch);
      for (const message of messages) yield { type: "report", message };
      yield event;
      if (patience > 0 && run.bestEpoch() > 0 && epoch + 1 - run.bestEpoch() >= patience) {
        yield {
          type: "report",
          message: `no better fitness in ${patience} epochs: stopped after epoch ${epoch + 1}`,
        };
        break;
      }
    }
    yield await run.end();
  } finally {
    await run.close();
  }
}

/** The same items, telling of each how long it was waited for, in milliseconds. */
export async function* timed<T>(items: AsyncIterable<T>, waited: (ms: number) => void): AsyncGenerator<T> {
  let asked = performance.now();
  for await (const item of items) {
    waited(performance.now() - asked);
    yield item;
    asked = performance.now();
  }
}
