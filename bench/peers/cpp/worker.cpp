// The worker for the peers in C++ and C. It speaks the lines of ../worker.go, whose head describes them:
//
//	cpp-peers publish|read STORE DIR SIZES
//
// What it counts and when it looks at the clock is as there, so that figures can be put side by side.
#include "store.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <new>
#include <random>
#include <sstream>
#include <time.h>

namespace {

int64_t readClock(clockid_t clock) {
	timespec t;
	clock_gettime(clock, &t);
	return int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

// monotonic is the same in all processes of the machine.
int64_t monotonic() { return readClock(CLOCK_MONOTONIC); }

void sleepUntil(int64_t due) {
	timespec at = {due / 1'000'000'000, due % 1'000'000'000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {}
}

// A value carries its number at both ends: a reader that sees two different ones has a torn value.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the numbers in values are little-endian");

void stamp(const Value &value, uint64_t number) {
	memcpy(value.bytes, &number, 8);
	memcpy(value.bytes + value.size - 8, &number, 8);
}

Values makeValues(const Sizes &sizes) {
	Values values;
	for (size_t size : sizes) { // for as long as the process lives
		auto bytes = static_cast<char *>(operator new(size, std::align_val_t(64)));
		values.push_back({static_cast<char *>(memset(bytes, 0, size)), size});
	}
	return values;
}

// parseSizes reads the sizes of the slots: a number, or @FILE with one a line.
Sizes parseSizes(const std::string &word) {
	std::istringstream one(word);
	std::ifstream many;
	if (word[0] == '@') many.open(word.substr(1));
	std::istream &in = word[0] == '@' ? static_cast<std::istream &>(many) : one;
	Sizes sizes;
	for (size_t size; in >> size; sizes.push_back(size)) {
		if (size < 16) throw std::runtime_error("a value has 16 bytes or more, not " + std::to_string(size));
	}
	if (sizes.empty() || !in.eof()) throw std::runtime_error("no sizes in " + word + ": give a number, or @FILE with one a line");
	return sizes;
}

struct Result {
	int64_t calls = 0, nanos = 0, cpu = 0, distinct = 0, torn = 0, back = 0, p50 = 0, p99 = 0, p999 = 0, worst = 0, memory = 0;
};

void print(const Result &r) {
	std::cout << "{\"calls\":" << r.calls << ",\"nanos\":" << r.nanos << ",\"cpu\":" << r.cpu
		<< ",\"distinct\":" << r.distinct << ",\"torn\":" << r.torn << ",\"back\":" << r.back << ",\"p50\":" << r.p50
		<< ",\"p99\":" << r.p99 << ",\"p999\":" << r.p999 << ",\"worst\":" << r.worst << ",\"memory\":" << r.memory << "}" << std::endl;
}

// ownMemory is RssAnon: what this process has beside the files that it maps.
int64_t ownMemory() {
	std::ifstream status("/proc/self/status");
	for (std::string word; status >> word;) {
		int64_t kilobytes;
		if (word == "RssAnon:" && status >> kilobytes) return kilobytes << 10;
	}
	return 0;
}

// A Worker does one thing over and over.
class Worker {
public:
	Worker(const Kind &kind, const std::string &dir, const Sizes &sizes, bool publishes)
		: publishes(publishes), values(makeValues(sizes)), newest(sizes.size()), anySlot(0, sizes.size() - 1), store(kind.make(dir, sizes, publishes)) {}

	Result run(int64_t length, const std::string &how, int64_t nanos);

private:
	const bool publishes;
	const Values values;
	enum class Which { all, first, random } which = Which::all; // slots are called for
	bool byClock = false; // the number of the next value is the time
	uint64_t number = uint64_t(monotonic()); // of the value that was published
	std::vector<uint64_t> newest; // numbers of the values that were read
	std::vector<int64_t> took; // nanoseconds of calls, or ages
	std::mt19937_64 generator{std::random_device{}()};
	std::uniform_int_distribution<size_t> anySlot;
	std::unique_ptr<Store> store;

	// calls does so many, with next to nothing between those of one value.
	void calls(Result &r, int64_t n) {
		if (which == Which::first && publishes) {
			for (; n > 0; n--) publish(0);
		} else if (which == Which::first) {
			for (; n > 0; n--) read(r, 0);
		} else if (which == Which::random) {
			for (; n > 0; n--) publishes ? publish(anySlot(generator)) : read(r, anySlot(generator));
		} else {
			for (; n > 0; n--) publishes ? publishAll() : readAll(r);
		}
	}

	void count() { number = byClock ? std::max(number + 1, uint64_t(monotonic())) : number + 1; }
	void publish(size_t slot) {
		count();
		stamp(values[slot], number);
		store->publish(slot, values[slot]);
	}

	void publishAll() {
		count();
		for (const Value &value : values) stamp(value, number);
		store->publishAll(values);
	}

	void read(Result &r, size_t slot) {
		store->read(slot, values[slot]);
		look(r, slot);
	}

	void readAll(Result &r) {
		store->readAll(values);
		for (size_t i = 0; i < values.size(); i++) look(r, i);
	}

	void look(Result &r, size_t slot) {
		uint64_t here, last;
		memcpy(&here, values[slot].bytes, 8);
		memcpy(&last, values[slot].bytes + values[slot].size - 8, 8);
		if (here != last) {
			r.torn++;
		} else if (here > newest[slot]) {
			r.distinct++;
			newest[slot] = here;
		} else if (here < newest[slot]) {
			r.back++;
		}
	}

	// untimed looks at the clock about once in 20 microseconds.
	void untimed(Result &r, int64_t start, int64_t end) {
		for (int64_t batch = 1, last = start;;) {
			calls(r, batch);
			r.calls += batch;
			int64_t now = monotonic();
			if (now >= end) return;
			if (now - last < 20'000 && batch < 1000) batch++;
			else if (batch > 1) batch--;
			last = now;
		}
	}

	static constexpr size_t maxTook = 20'000'000; // what comes after so many is not looked at

	void timed(Result &r, int64_t end) {
		for (int64_t before = monotonic(); before < end;) {
			calls(r, 1);
			int64_t now = monotonic();
			r.calls++;
			if (took.size() < maxTook) took.push_back(now - before);
			before = now;
		}
	}

	// paced calls each so often; a call that was late is not made up for.
	void paced(Result &r, int64_t start, int64_t end, int64_t every) {
		for (int64_t due = start; due < end; due = std::max(due + every, monotonic())) {
			sleepUntil(due);
			int64_t before = monotonic();
			calls(r, 1);
			r.calls++;
			took.push_back(monotonic() - before);
		}
	}

	// ages notes how old each new value of the first slot is when it is here, and pauses after it.
	void ages(Result &r, int64_t end, bool sleep, int64_t pause) {
		read(r, 0); // what was there before is no news
		r.distinct = 0;
		while (monotonic() < end) {
			if (sleep) store->wait();
			int64_t seen = r.distinct;
			read(r, 0);
			r.calls++;
			if (r.distinct > seen) took.push_back(monotonic() - int64_t(newest[0]));
			if (pause > 0) sleepUntil(monotonic() + pause);
		}
	}
};

// run works for so long; nanos belongs to how.
Result Worker::run(int64_t length, const std::string &how, int64_t nanos) {
	if (how == "tails") took.resize(maxTook); // or else the kernel would give memory while calls are timed
	took.clear();
	which = how == "one" || values.size() == 1 ? Which::first : how == "random" ? Which::random : Which::all;
	byClock = how == "every";
	Result r;
	int64_t cpu = readClock(CLOCK_PROCESS_CPUTIME_ID), start = monotonic(), end = start + length;
	if (how == "mean" || how == "one" || how == "random") {
		untimed(r, start, end);
	} else if (how == "tails") {
		timed(r, end);
	} else if (how == "every" && nanos > 0) {
		paced(r, start, end, nanos);
	} else if (!publishes && (how == "watch" || how == "poll")) {
		ages(r, end, how == "watch", nanos);
	} else {
		throw std::runtime_error(std::string(publishes ? "a publisher" : "a reader") + " cannot run \"" + how + "\" so");
	}
	r.nanos = monotonic() - start, r.cpu = readClock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	size_t n = took.size();
	auto rank = [&](size_t i) { // the others, which are many, need no order
		std::nth_element(took.begin(), took.begin() + ptrdiff_t(i), took.end());
		return took[i];
	};
	if (n > 0) r.p50 = rank(n / 2), r.p99 = rank(n * 99 / 100), r.p999 = rank(n * 999 / 1000), r.worst = rank(n - 1);
	r.memory = ownMemory();
	return r;
}

// stuck ends a worker whose partner died in a lock, or who waits for news that nobody publishes.
void stuck(int) {
	const char text[] = "stuck: in a lock whose owner is gone, or in a wait though nobody publishes any more\n";
	_exit(write(STDERR_FILENO, text, sizeof text - 1) < 0 ? 2 : 1);
}

// obey does what the lines of the standard input say.
void obey(Worker &worker) {
	signal(SIGALRM, stuck);
	for (std::string line; std::getline(std::cin, line);) {
		std::istringstream words(line);
		std::string verb, how;
		int64_t millis = 0, nanos = 0;
		if (!(words >> verb >> millis >> how) || verb != "run") throw std::runtime_error("\"" + line + "\" is no order");
		words >> nanos;
		alarm(unsigned(millis / 1000) + 20); // seconds, far more than a run takes
		Result r = worker.run(millis * 1'000'000, how, nanos);
		alarm(0);
		print(r);
	}
}

Kind kindNamed(const std::string &name) {
	std::string names;
	for (const auto &kinds : {boostKinds(), lmdbKinds(), sharedMemoryKinds()}) {
		for (const Kind &kind : kinds) {
			if (kind.name == name) return kind;
			names += " " + kind.name;
		}
	}
	throw std::runtime_error("no store " + name + ", only" + names);
}

} // namespace

int main(int argc, char **argv) {
	try {
		std::string role = argc == 5 ? argv[1] : "";
		if (role != "publish" && role != "read") throw std::runtime_error("give: publish or read, store, directory, sizes");
		Worker worker(kindNamed(argv[2]), argv[3], parseSizes(argv[4]), role == "publish");
		std::cout << "ready" << std::endl;
		obey(worker);
	} catch (const std::exception &e) {
		std::cerr << e.what() << std::endl;
		return 1;
	}
}
