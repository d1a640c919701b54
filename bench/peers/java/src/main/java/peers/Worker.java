package peers;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import net.openhft.posix.ClockId;
import net.openhft.posix.PosixAPI;

/**
 * The worker for Chronicle Map. What a worker does, and the lines that it speaks, are described at the head
 * of worker.go; this program speaks the very same ones. Publishers and readers are ready when the compiler
 * of the virtual machine has seen all of their work; the role "first" has read once and no more.
 *
 * <p>System.nanoTime is the monotonic clock on Linux, the same in all processes.
 */
public final class Worker {
    private static final long MILLISECOND = 1_000_000;

    private final Caller caller;

    private Worker(Caller caller) {
        this.caller = caller;
    }

    public static void main(String[] words) {
        try {
            work(words);
        } catch (IOException | RuntimeException e) { // Chronicle Map throws both kinds
            System.err.println(e);
            System.exit(1);
        }
    }

    private static void work(String[] words) throws IOException {
        if (words.length != 4) {
            throw new IOException("a worker is told its role, store, directory and sizes, not " + Arrays.toString(words));
        }
        String role = words[0];
        boolean checksums = words[1].equals("chronicle");
        if (!checksums && !words[1].equals("chronicle-off")) {
            throw new IOException("no store " + words[1] + ": chronicle or chronicle-off");
        }
        File file = new File(words[2], "chronicle.map");
        int[] sizes = Values.sizes(words[3]);
        switch (role) {
            case "publish" -> {
                warmUp(true, words[2], sizes, checksums);
                try (Store store = Store.create(file, sizes, checksums)) {
                    new Worker(new Caller.Publishing(store, sizes)).obey();
                }
            }
            case "read" -> {
                warmUp(false, words[2], sizes, checksums);
                try (Store store = Store.open(file, sizes)) {
                    new Worker(new Caller.Reading(store, sizes)).obey();
                }
            }
            case "first" -> { // a viewer that has just been started has read once
                try (Store store = Store.open(file, sizes)) {
                    Caller reading = new Caller.Reading(store, sizes);
                    reading.call(new Tally());
                    new Worker(reading).obey();
                }
            }
            default -> throw new IOException("no role " + role + ": publish, read or first");
        }
    }

    /**
     * Works for three seconds, on stores that have the first slots only. There are two, one after the
     * other: what the compiler assumed of the first is not all true of the next.
     */
    private static void warmUp(boolean publish, String dir, int[] allSizes, boolean checksums) throws IOException {
        int[] sizes = Arrays.copyOf(allSizes, Math.min(allSizes.length, 100));
        String[] orders = {
            "run 400 mean", "run 100 one", "run 200 random", "run 200 tails", "run 50 every 100000",
            publish ? "run 50 every 100000" : "run 200 poll", "run 400 mean",
        };
        for (int round = 0; round < 2; round++) {
            File file = File.createTempFile("warm-up", ".map", new File(dir));
            try {
                Files.delete(file.toPath()); // only its name is wanted
                try (Store store = Store.create(file, sizes, checksums)) {
                    Caller caller = publish ? new Caller.Publishing(store, sizes) : new Caller.Reading(store, sizes);
                    Worker worker = new Worker(caller);
                    for (String order : orders) {
                        worker.run(order);
                    }
                }
            } finally {
                Files.deleteIfExists(file.toPath());
            }
        }
    }

    /** Says that it is ready, and does what the lines of the input say until it ends. */
    private void obey() throws IOException {
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            System.out.println(run(line).line());
        }
    }

    /** Works for so long. */
    private Tally run(String order) throws IOException {
        String[] words = order.trim().split(" +");
        if (words.length < 3 || !words[0].equals("run")) {
            throw new IOException("'" + order + "' is no order");
        }
        long length = Long.parseLong(words[1]) * MILLISECOND;
        String how = words[2];
        Tally tally = new Tally();
        if (how.equals("tails")) {
            tally.makeRoom(length);
        }
        System.gc(); // of the run before
        long cpu = processorTime();
        long start = System.nanoTime();
        switch (how) {
            case "mean", "one", "random" -> {
                caller.choose(how);
                untimed(tally, start, length);
            }
            case "tails" -> timed(tally, start, length);
            case "every" -> {
                if (words.length != 4) {
                    throw new IOException("every how many nanoseconds?");
                }
                paced(tally, start, length, Long.parseLong(words[3]));
            }
            case "poll" -> poll(tally, start, length);
            case "watch" -> throw new IOException("a Chronicle Map cannot wake a reader");
            default -> throw new IOException("how is " + how + "?");
        }
        tally.nanos = System.nanoTime() - start;
        tally.cpu = processorTime() - cpu;
        tally.memory = ownMemory();
        return tally;
    }

    /** Looks at the clock about once in 20 microseconds. */
    private void untimed(Tally tally, long start, long length) throws IOException {
        int batch = 1;
        for (long last = start; ; ) {
            for (int i = 0; i < batch; i++) {
                caller.call(tally);
            }
            tally.calls += batch;
            long now = System.nanoTime();
            if (now - start >= length) {
                return;
            }
            if (now - last < 20_000 && batch < 1000) {
                batch++;
            } else if (batch > 1) {
                batch--;
            }
            last = now;
        }
    }

    private void timed(Tally tally, long start, long length) throws IOException {
        for (long before = System.nanoTime(); ; ) {
            caller.call(tally);
            long now = System.nanoTime();
            tally.calls++;
            tally.took(now - before);
            if (now - start >= length) {
                return;
            }
            before = now;
        }
    }

    /** Calls each so often; a call that was late is not made up for. */
    private void paced(Tally tally, long start, long length, long every) throws IOException {
        if (caller instanceof Caller.Publishing publishing) {
            publishing.byClock = true;
        }
        for (long due = start; due - start < length; due = Math.max(due + every, System.nanoTime())) {
            sleepUntil(due);
            long before = System.nanoTime();
            caller.call(tally);
            tally.calls++;
            tally.took(System.nanoTime() - before);
        }
        sleepUntil(start + length);
        if (caller instanceof Caller.Publishing publishing) {
            publishing.byClock = false;
        }
    }

    private static void sleepUntil(long due) {
        for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    /** Notes how old each new value of the first slot is when this process has it. */
    private void poll(Tally tally, long start, long length) throws IOException {
        if (!(caller instanceof Caller.Reading reading)) {
            throw new IOException("only readers can poll");
        }
        reading.one(new Tally(), 0); // of before
        while (System.nanoTime() - start < length) {
            long seen = tally.distinct;
            reading.one(tally, 0);
            tally.calls++;
            if (tally.distinct > seen) {
                tally.took(System.nanoTime() - reading.newest[0]);
            }
        }
    }

    /** What all threads of this process have used so far, those of the virtual machine too. */
    private static long processorTime() {
        return PosixAPI.posix().clock_gettime(ClockId.CLOCK_PROCESS_CPUTIME_ID);
    }

    /** RssAnon: what this process has beside the files that it maps. */
    private static long ownMemory() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("RssAnon:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
            }
        }
        return 0;
    }
}
