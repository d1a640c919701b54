package peers;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Values carry their number at both ends; two different ones: it is torn. */
final class Values {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Values() {}

    static void stamp(byte[] value, long number) {
        WORD.set(value, 0, number);
        WORD.set(value, value.length - Long.BYTES, number);
    }

    static long first(byte[] value) {
        return (long) WORD.get(value, 0);
    }

    static long last(byte[] value) {
        return (long) WORD.get(value, value.length - Long.BYTES);
    }

    /** Reads the sizes of a worker's slots: a number, or @FILE with one a line. */
    static int[] sizes(String word) throws IOException {
        List<String> lines = word.startsWith("@") ? Files.readAllLines(Path.of(word.substring(1))) : List.of(word);
        int[] sizes = new int[lines.size()];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = Integer.parseInt(lines.get(i));
            if (sizes[i] < 2 * Long.BYTES) {
                throw new IOException("a value has 16 bytes or more, not " + sizes[i]);
            }
        }
        if (sizes.length == 0) {
            throw new IOException("no sizes in " + word);
        }
        return sizes;
    }

    static byte[][] make(int[] sizes) {
        byte[][] values = new byte[sizes.length][];
        for (int i = 0; i < sizes.length; i++) {
            values[i] = new byte[sizes[i]];
        }
        return values;
    }
}
