import { expect } from 'chai';
import fc from 'fast-check';
import { Endpoint, type Lane } from '../../../src/engine/remote/endpoint.js';
import { Places } from '../../../src/engine/remote/places.js';
import { seedAt } from '../../../src/engine/remote/remote-engine.js';

const lanes: readonly Lane[] = ['generate', 'score'];
const limits = { generate: 2, score: 1 };

interface Guest {
  readonly lane: Lane;
  readonly controller: AbortController;
  endpoint: Endpoint | null;
  isOver: boolean;
}

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('come' as const), lane: fc.constantFrom(...lanes) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('turn' as const), which: fc.nat(2) }) },
);

describe('places at servers', () => {
  it('are never more than the limit, only at servers that are up, and every guest who stays gets one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const endpoints = [1, 2, 3].map((port) => new Endpoint(`http://127.0.0.1:${port}`, null, 1));
        const places = new Places(endpoints, limits);
        const guests: Guest[] = [];
        const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
        const turn = (endpoint: Endpoint, isUp: boolean) => {
          endpoint.isUp = isUp;
          if (isUp) for (const lane of lanes) places.serve(lane);
        };
        const leave = (guest: Guest | undefined) => {
          if (!guest?.endpoint || guest.isOver) return;
          guest.isOver = true;
          places.giveBack(guest.endpoint, guest.lane);
        };
        const come = (lane: Lane) => {
          const guest: Guest = { lane, controller: new AbortController(), endpoint: null, isOver: false };
          guests.push(guest);
          places.take(lane, null, guest.controller.signal).then(
            (endpoint) => {
              expect(endpoint.isUp).to.equal(true);
              guest.endpoint = endpoint;
            },
            () => {
              guest.isOver = true;
            },
          );
        };
        for (const step of actions) {
          if (step.kind === 'come') come(step.lane);
          else if (step.kind === 'turn') turn(endpoints[step.which], !endpoints[step.which].isUp);
          else {
            const present = guests.filter(({ isOver }) => !isOver);
            const guest = present[step.which % Math.max(1, present.length)];
            if (step.kind === 'leave') leave(guest);
            else guest?.controller.abort();
          }
          await settle();
          for (const endpoint of endpoints) {
            for (const lane of lanes) {
              const held = guests.filter(
                (guest) => guest.endpoint === endpoint && guest.lane === lane && !guest.isOver,
              );
              expect(endpoint.inFlight[lane]).to.equal(held.length).and.to.be.at.most(limits[lane]);
            }
          }
        }
        for (const endpoint of endpoints) turn(endpoint, true);
        for (let round = 0; round < guests.length; round++) {
          await settle();
          for (const guest of guests) leave(guest);
        }
        await settle();
        expect(guests.every(({ isOver }) => isOver)).to.equal(true);
        expect(endpoints.map(({ numInFlight }) => numInFlight)).to.deep.equal([0, 0, 0]);
        await Promise.all(endpoints.map((endpoint) => endpoint.close()));
      }),
      { numRuns: 60 },
    );
  });

  it('are given in the order of asking', async () => {
    const endpoint = new Endpoint('http://127.0.0.1:1', null, 1);
    endpoint.isUp = true;
    const places = new Places([endpoint], limits);
    const order: number[] = [];
    const takers = Array.from({ length: 6 }, async (_, guest) => {
      await places.take('score', null);
      order.push(guest);
      setImmediate(() => places.giveBack(endpoint, 'score'));
    });
    await Promise.all(takers);
    expect(order).to.deep.equal([0, 1, 2, 3, 4, 5]);
    await endpoint.close();
  });
});

describe('the seed of a remote generation', () => {
  it('depends on the whole key and the position, is the same each time, and fits 31 bits', () => {
    const key = fc.record({
      seed: fc.nat(),
      problem: fc.string(),
      sample: fc.nat(99),
      role: fc.constantFrom('draft', 'target'),
    });
    fc.assert(
      fc.property(key, fc.nat(4000), (stream, position) => {
        const seed = seedAt(stream, position);
        expect(seed).to.equal(seedAt({ ...stream }, position));
        expect(seed).to.be.within(0, 2 ** 31 - 1);
        const others = [
          seedAt(stream, position + 1),
          seedAt({ ...stream, seed: stream.seed + 1 }, position),
          seedAt({ ...stream, problem: `${stream.problem}x` }, position),
          seedAt({ ...stream, sample: stream.sample + 1 }, position),
          seedAt({ ...stream, role: `calibration-${stream.role}` }, position),
        ];
        expect(others).not.to.include(seed);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});
