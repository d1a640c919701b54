package peers;

import java.util.Arrays;

/** What a worker did in one run. */
final class Tally {
    /** A call with a look at the clock takes longer than this. */
    private static final long FASTEST = 40;

    long calls;
    long distinct;
    long torn;
    long back;
    long nanos;
    long cpu;
    long memory;

    private long[] took = new long[1 << 16]; // of each call, or the age of each value
    private int count;

    /** Has room for the times of all calls of a run: growing it later would be in the times. */
    void makeRoom(long length) {
        took = new long[(int) (length / FASTEST) + 1];
    }

    void took(long nanos) {
        if (count == took.length) {
            took = Arrays.copyOf(took, 2 * count);
        }
        took[count++] = nanos;
    }

    String line() {
        Arrays.sort(took, 0, count);
        return "{\"calls\":" + calls + ",\"nanos\":" + nanos + ",\"cpu\":" + cpu
                + ",\"distinct\":" + distinct + ",\"torn\":" + torn + ",\"back\":" + back
                + ",\"p50\":" + quantile(500) + ",\"p99\":" + quantile(990) + ",\"p999\":" + quantile(999)
                + ",\"worst\":" + quantile(1000) + ",\"memory\":" + memory + "}";
    }

    private long quantile(long thousandths) {
        return count == 0 ? 0 : took[(int) Math.min(count - 1, count * thousandths / 1000)];
    }
}
