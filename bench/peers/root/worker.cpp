// The worker for ROOT's TMapFile. It speaks the lines that ../worker.go describes, with the roles of
// ../trio.go and ../first.go: trio-publish, fill-publish, trio-read and first. It books its histograms
// as ROOT's example hprod.C does and gets them as hcons.C does.

#include <TH1F.h>
#include <TH2D.h>
#include <TH2F.h>
#include <TMapFile.h>
#include <TProfile.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <time.h>

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

struct Result {
	int64_t calls = 0, nanos = 0, cpu = 0, distinct = 0, torn = 0, back = 0;
	std::vector<int64_t> took;
};

class Caller {
public:
	virtual ~Caller() = default;
	virtual void call(Result &) = 0;
};

// Events are those of makeEvents in ../histograms.go, bit for bit: compile without -ffast-math and
// without contraction to fused operations.
struct Event {
	double px, py, pz;
};

constexpr int kEvents = 4096, kFirstFills = 10000, kFillsPerUpdate = 10;
constexpr double kProfileHigh = 20, kDecodeWeight = 0.5;

static std::vector<Event> makeEvents()
{
	uint64_t state = 1;
	auto gauss = [&] {
		double sum = -6;
		for (int i = 0; i < 12; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			sum += double(state >> 11) / double(uint64_t(1) << 53);
		}
		return sum;
	};
	std::vector<Event> events(kEvents);
	for (auto &e : events) {
		e.px = gauss();
		e.py = gauss();
		e.pz = e.px * e.px + e.py * e.py;
		if (e.pz >= kProfileHigh) e.pz = kProfileHigh / 2;
	}
	return events;
}

// What to do with the histograms of a kind, which have these names.
static std::vector<std::string> namesOf(const std::string &kind)
{
	if (kind == "trio" || kind == "trio-squares") return {"hpx", "hpxpy", "hprof"};
	if (kind == "h1" || kind == "h2") return {kind};
	throw std::runtime_error("no histograms \"" + kind + "\"");
}

static std::string fileIn(const std::string &dir) { return dir + "/root.map"; }

class Publishing : public Caller {
public:
	Publishing(const std::string &dir, const std::string &kind, int fills) : events(makeEvents()), fills(fills)
	{
		namesOf(kind); // or it is unknown
		map = TMapFile::Create(fileIn(dir).c_str(), "RECREATE", 8 << 20, "peers");
		if (map->IsZombie() || !map->IsWritable()) throw std::runtime_error("cannot make a map file in " + dir);
		// The map is the current directory: histograms add themselves to it.
		if (kind == "h1") {
			hpx = new TH1F("h1", "h1", 100, -4, 4);
			all = {hpx};
		} else if (kind == "h2") {
			h2 = new TH2D("h2", "h2", 100, -4, 4, 100, -4, 4);
			all = {h2};
		} else {
			hpx = new TH1F("hpx", "This is the px distribution", 100, -4, 4);
			hpxpy = new TH2F("hpxpy", "py vs px", 40, -4, 4, 40, -4, 4);
			hprof = new TProfile("hprof", "Profile of pz versus px", 100, -4, 4, 0, kProfileHigh);
			all = {hpx, hpxpy, hprof};
		}
		if (kind == "trio-squares" || kind == "h2")
			for (auto *h : all) h->Sumw2();
		for (int i = 0; i < kFirstFills; i++) fill();
		at = 0;
		map->Update();
	}
	~Publishing() override { map->Close(); }
	void call(Result &) override
	{
		for (int i = 0; i < fills; i++) fill();
		if (fills == 0)
			for (auto *h : all) h->SetEntries(h->GetEntries() + 1);
		map->Update();
	}

private:
	void fill()
	{
		const Event &e = events[at++ % kEvents];
		if (h2) h2->Fill(e.px, e.py, kDecodeWeight);
		if (hpx) hpx->Fill(e.px);
		if (hpxpy) {
			hpxpy->Fill(e.px, e.py);
			hprof->Fill(e.px, e.pz);
		}
	}

	std::vector<Event> events;
	TMapFile *map;
	TH1F *hpx = nullptr;
	TH2F *hpxpy = nullptr;
	TProfile *hprof = nullptr;
	TH2D *h2 = nullptr;
	std::vector<TH1 *> all;
	int fills;
	unsigned at = 0;
};

class Reading : public Caller {
public:
	Reading(const std::string &dir, const std::string &kind) : names(namesOf(kind)), objects(names.size())
	{
		map = TMapFile::Create(fileIn(dir).c_str());
		if (map->IsZombie()) throw std::runtime_error("no map file in " + dir + ": start trio-publish there first");
		get();
		whole();
	}
	void call(Result &r) override
	{
		get();
		auto n = int64_t(objects[0]->GetEntries());
		for (auto *h : objects)
			if (int64_t(h->GetEntries()) != n) {
				r.torn++;
				break;
			}
		if (n > last) r.distinct++;
		if (n < last) r.back++;
		last = n;
	}

private:
	void get()
	{
		for (size_t i = 0; i < names.size(); i++) {
			objects[i] = static_cast<TH1 *>(map->Get(names[i].c_str(), objects[i]));
			if (!objects[i]) throw std::runtime_error("there is no " + names[i]);
		}
	}
	// Do the bins hold all that was filled? As whole in ../trio.go.
	void whole()
	{
		for (auto *h : objects) {
			auto *profile = dynamic_cast<TProfile *>(h);
			double sum = 0;
			for (int i = 0; i < h->GetNcells(); i++) sum += profile ? profile->GetBinEntries(i) : h->GetBinContent(i);
			if (dynamic_cast<TH2D *>(h)) sum /= kDecodeWeight;
			if (sum != kFirstFills && sum != h->GetEntries())
				throw std::runtime_error(std::string(h->GetName()) + " has other entries than its bins");
		}
	}

	std::vector<std::string> names;
	std::vector<TH1 *> objects;
	TMapFile *map;
	int64_t last = 0;
};

// First opens the file and gets the first histogram: that is all.
class First : public Caller {
public:
	First(const std::string &dir, const std::string &kind)
	{
		auto *map = TMapFile::Create(fileIn(dir).c_str());
		auto *h = map->IsZombie() ? nullptr : static_cast<TH1 *>(map->Get(namesOf(kind)[0].c_str()));
		if (!h || h->GetEntries() < kFirstFills) throw std::runtime_error("no histogram in " + dir);
	}
	void call(Result &) override {}
};

// The clock is looked at about once in 20 microseconds.
static void untimed(Caller &c, Result &r, Clock::time_point start, nanoseconds length)
{
	int64_t batch = 1;
	for (auto last = start;;) {
		for (int64_t i = 0; i < batch; i++) c.call(r);
		r.calls += batch;
		auto now = Clock::now();
		if (now - start >= length) return;
		if (now - last < std::chrono::microseconds(20) && batch < 1000)
			batch++;
		else if (batch > 1)
			batch--;
		last = now;
	}
}

static void timed(Caller &c, Result &r, Clock::time_point start, nanoseconds length)
{
	for (auto before = start;;) {
		c.call(r);
		auto now = Clock::now();
		r.calls++;
		r.took.push_back(nanoseconds(now - before).count());
		if (now - start >= length) return;
		before = now;
	}
}

static void paced(Caller &c, Result &r, Clock::time_point start, nanoseconds length, nanoseconds every)
{
	for (auto due = start; due - start < length; due = std::max(due + every, Clock::now())) {
		std::this_thread::sleep_until(due);
		auto before = Clock::now();
		c.call(r);
		r.calls++;
		r.took.push_back(nanoseconds(Clock::now() - before).count());
	}
}

static int64_t processorTime()
{
	timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return int64_t(t.tv_sec) * 1000000000 + t.tv_nsec;
}

// ownMemory is what the process has beside the files that it maps.
static long long ownMemory()
{
	long long kb = 0;
	char line[256];
	if (FILE *status = fopen("/proc/self/status", "r")) {
		while (fgets(line, sizeof line, status))
			if (sscanf(line, "RssAnon: %lld", &kb) == 1) break;
		fclose(status);
	}
	return kb << 10;
}

static void print(Result &r)
{
	std::sort(r.took.begin(), r.took.end());
	auto part = [&](size_t perMille) {
		return r.took.empty() ? 0LL : (long long)r.took[std::min(r.took.size() * perMille / 1000, r.took.size() - 1)];
	};
	printf("{\"calls\":%lld,\"nanos\":%lld,\"cpu\":%lld,\"distinct\":%lld,\"torn\":%lld,\"back\":%lld,"
	       "\"p50\":%lld,\"p99\":%lld,\"p999\":%lld,\"worst\":%lld,\"memory\":%lld}\n",
	       (long long)r.calls, (long long)r.nanos, (long long)r.cpu, (long long)r.distinct, (long long)r.torn,
	       (long long)r.back, part(500), part(990), part(999), part(1000), ownMemory());
	fflush(stdout);
}

static void obey(Caller &c, const std::string &line)
{
	std::istringstream words(line);
	std::string run, how;
	int64_t millis = 0, every = 0;
	if (!(words >> run >> millis >> how) || run != "run") throw std::runtime_error("\"" + line + "\" is no order");
	auto length = nanoseconds(millis * 1000000);
	Result r;
	auto cpu = processorTime();
	auto start = Clock::now();
	if (how == "mean")
		untimed(c, r, start, length);
	else if (how == "tails")
		timed(c, r, start, length);
	else if (how == "every" && words >> every)
		paced(c, r, start, length, nanoseconds(every));
	else
		throw std::runtime_error("how is \"" + how + "\"?");
	r.nanos = nanoseconds(Clock::now() - start).count();
	r.cpu = processorTime() - cpu;
	print(r);
}

static std::unique_ptr<Caller> make(const std::string &role, const std::string &dir, const std::string &kind)
{
	if (role == "trio-publish") return std::make_unique<Publishing>(dir, kind, 0);
	if (role == "fill-publish") return std::make_unique<Publishing>(dir, kind, kFillsPerUpdate);
	if (role == "trio-read") return std::make_unique<Reading>(dir, kind);
	if (role == "first") return std::make_unique<First>(dir, kind);
	throw std::runtime_error("no role \"" + role + "\"");
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "a worker is told its role, store, directory and kind of histograms\n");
		return 2;
	}
	try {
		auto caller = make(argv[1], argv[3], argv[4]);
		puts("ready");
		fflush(stdout);
		for (std::string line; std::getline(std::cin, line);) obey(*caller, line);
	} catch (const std::exception &e) {
		fprintf(stderr, "%s\n", e.what());
		return 1;
	}
	return 0;
}
