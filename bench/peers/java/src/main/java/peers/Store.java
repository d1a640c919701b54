package peers;

import java.io.File;
import java.io.IOException;
import net.openhft.chronicle.map.ChronicleMap;
import net.openhft.chronicle.map.ChronicleMapBuilder;

/** A Chronicle Map in a file: slots are its keys, their values are bytes. */
final class Store implements AutoCloseable {
    /** Its longest entry may have 64 chunks. */
    private static final int MOST_CHUNKS = 64;

    private final ChronicleMap<Integer, byte[]> map;
    private final Integer[] keys;

    private Store(ChronicleMap<Integer, byte[]> map, int slots) {
        this.map = map;
        keys = new Integer[slots];
        for (int i = 0; i < slots; i++) {
            keys[i] = i;
        }
    }

    /** Makes the file; each slot has a first value. */
    static Store create(File file, int[] sizes, boolean checksums) throws IOException {
        Store store = new Store(builder(sizes).checksumEntries(checksums).createPersistedTo(file), sizes.length);
        for (int i = 0; i < sizes.length; i++) {
            store.put(i, new byte[sizes[i]]);
        }
        return store;
    }

    /** Opens the file that another process made, with what its head says. */
    static Store open(File file, int[] sizes) throws IOException {
        if (!file.exists()) {
            throw new IOException(file + " is not there: start a publisher before its readers");
        }
        return new Store(builder(sizes).createPersistedTo(file), sizes.length);
    }

    private static ChronicleMapBuilder<Integer, byte[]> builder(int[] sizes) {
        ChronicleMapBuilder<Integer, byte[]> builder =
                ChronicleMap.of(Integer.class, byte[].class).name("values").putReturnsNull(true);
        if (sizes.length == 1) {
            return builder.entries(64).constantValueSizeBySample(new byte[sizes[0]]);
        }
        long sum = 0;
        int longest = 0;
        for (int size : sizes) {
            sum += size;
            longest = Math.max(longest, size);
        }
        // Twice the entries, and tiers beside: an entry that does not fit where it was is moved.
        builder.entries(2L * sizes.length).averageValueSize((double) sum / sizes.length).maxBloatFactor(4);
        // By itself it takes chunks of an eighth of the average, or so.
        if (longest > MOST_CHUNKS / 8 * sum / sizes.length) {
            builder.actualChunkSize(longest / (MOST_CHUNKS - 2) + 1);
        }
        return builder;
    }

    void put(int slot, byte[] value) {
        map.put(keys[slot], value);
    }

    /** Copies the value of a slot to a buffer of its size. */
    void get(int slot, byte[] buffer) throws IOException {
        if (map.getUsing(keys[slot], buffer) != buffer) {
            throw new IOException("slot " + slot + " has no value of " + buffer.length + " bytes");
        }
    }

    @Override
    public void close() {
        map.close();
    }
}
