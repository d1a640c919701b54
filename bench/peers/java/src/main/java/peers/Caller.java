package peers;

import java.io.IOException;
import java.util.concurrent.ThreadLocalRandom;

/** What a worker does over and over: a call publishes or reads one slot, or all of them. */
abstract class Caller {
    final Store store;
    final byte[][] values; // private, one of each slot
    private boolean random;
    private int slots; // of a call, if it is not a random one

    Caller(Store store, int[] sizes) {
        this.store = store;
        values = Values.make(sizes);
        slots = sizes.length;
    }

    /** Says which slots are in a call: all, one or a random one. */
    final void choose(String how) {
        random = how.equals("random");
        slots = how.equals("one") ? 1 : values.length;
    }

    final void call(Tally tally) throws IOException {
        begin();
        if (random) {
            one(tally, ThreadLocalRandom.current().nextInt(values.length));
            return;
        }
        for (int i = 0; i < slots; i++) {
            one(tally, i);
        }
    }

    /** Is before the slots of a call. */
    void begin() {}

    abstract void one(Tally tally, int slot) throws IOException;

    static final class Publishing extends Caller {
        private long number = System.nanoTime();
        boolean byClock;

        Publishing(Store store, int[] sizes) {
            super(store, sizes);
        }

        @Override
        void begin() {
            number++;
            if (byClock) {
                number = Math.max(number, System.nanoTime());
            }
        }

        @Override
        void one(Tally tally, int slot) {
            Values.stamp(values[slot], number);
            store.put(slot, values[slot]);
        }
    }

    /** Looks whether values are whole and go forward. */
    static final class Reading extends Caller {
        final long[] newest;

        Reading(Store store, int[] sizes) {
            super(store, sizes);
            newest = new long[sizes.length];
        }

        @Override
        void one(Tally tally, int slot) throws IOException {
            store.get(slot, values[slot]);
            long number = Values.first(values[slot]);
            if (number != Values.last(values[slot])) {
                tally.torn++;
            } else if (number > newest[slot]) {
                tally.distinct++;
                newest[slot] = number;
            } else if (number < newest[slot]) {
                tally.back++;
            }
        }
    }
}
