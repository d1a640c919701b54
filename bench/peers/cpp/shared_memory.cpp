// Stores by hand, with nothing but a mapped file: the naive one, and the bare futex.
#include "store.hpp"

#include <atomic>
#include <cstdint>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

namespace {

size_t wholeLines(size_t bytes) { return (bytes + 63) & ~size_t(63); }

std::runtime_error failure(const std::string &what, int error) { return std::runtime_error(what + ": " + strerror(error)); }

// mapFile maps a file of a length for reading and writing, for as long as the process lives. A new one has zeros.
char *mapFile(const std::string &path, size_t length, bool create) {
	int fd = open(path.c_str(), create ? O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC : O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) throw failure(path, errno);
	int error = create ? posix_fallocate(fd, 0, off_t(length)) : 0; // no room is an error here, not a signal later
	if (error != 0) throw failure(path, error);
	if (lseek(fd, 0, SEEK_END) != off_t(length)) throw otherSizes(path);
	void *at = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) throw failure(path, errno);
	close(fd);
	return static_cast<char *>(at);
}

// Naive is what one writes first: for each slot a robust mutex that processes share, and memcpy.
class Naive : public Store {
public:
	Naive(const std::string &dir, const Sizes &sizes, bool create) {
		size_t length = 0;
		for (size_t size : sizes) length += sizeof(Slot) + wholeLines(size);
		pthread_mutexattr_t kind;
		pthread_mutexattr_init(&kind);
		pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
		pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
		char *at = mapFile(filePath(dir, "naive", create), length, create);
		for (size_t size : sizes) {
			slots.push_back(reinterpret_cast<Slot *>(at));
			int error = create ? pthread_mutex_init(&slots.back()->mutex, &kind) : 0;
			if (error != 0) throw failure("a mutex for processes", error);
			at += sizeof(Slot) + wholeLines(size);
		}
	}

	void publish(size_t i, const Value &value) override {
		lock(&slots[i]->mutex);
		memcpy(slots[i]->value(), value.bytes, value.size);
		pthread_mutex_unlock(&slots[i]->mutex);
	}

	void read(size_t i, const Value &buffer) override {
		lock(&slots[i]->mutex);
		memcpy(buffer.bytes, slots[i]->value(), buffer.size);
		pthread_mutex_unlock(&slots[i]->mutex);
	}

private:
	struct alignas(64) Slot {
		pthread_mutex_t mutex;
		char *value() { return reinterpret_cast<char *>(this + 1); }
	};
	std::vector<Slot *> slots;

	// lock goes on after the death of an owner, over whatever value that left: there is no other one.
	static void lock(pthread_mutex_t *mutex) {
		int error = pthread_mutex_lock(mutex);
		if (error == EOWNERDEAD) error = pthread_mutex_consistent(mutex);
		if (error != 0) throw failure("lock", error);
	}
};

// Futex is the least that wakes another process: one value behind a sequence, which is odd while it is being
// written, and on which readers sleep.
class Futex : public Store {
public:
	Futex(const std::string &dir, const Sizes &sizes, bool create) {
		mustBeOne(sizes);
		slot = reinterpret_cast<Slot *>(mapFile(filePath(dir, "futex", create), sizeof(Slot) + wholeLines(sizes[0]), create));
		seen = slot->sequence.load();
	}

	void publish(size_t, const Value &value) override {
		uint32_t before = slot->sequence.load(std::memory_order_relaxed);
		slot->sequence.store(before + 1, std::memory_order_relaxed);
		std::atomic_thread_fence(std::memory_order_release);
		memcpy(slot->value(), value.bytes, value.size);
		slot->sequence.store(before + 2, std::memory_order_release);
		futex(FUTEX_WAKE, INT32_MAX);
	}

	// read tries again while the value is being written. The copy races with the writer by intention: what
	// it gives is only used if the sequence did not move.
	void read(size_t, const Value &buffer) override {
		for (;;) {
			uint32_t before = slot->sequence.load(std::memory_order_acquire);
			if (before % 2 != 0) continue;
			memcpy(buffer.bytes, slot->value(), buffer.size);
			std::atomic_thread_fence(std::memory_order_acquire);
			if (slot->sequence.load(std::memory_order_relaxed) == before) return;
		}
	}

	void wait() override {
		uint32_t now;
		while ((now = slot->sequence.load(std::memory_order_acquire)) == seen || now % 2 != 0) {
			if (futex(FUTEX_WAIT, now) != 0 && errno != EAGAIN && errno != EINTR) throw failure("futex", errno);
		}
		seen = now;
	}

private:
	struct alignas(64) Slot {
		std::atomic<uint32_t> sequence;
		char *value() { return reinterpret_cast<char *>(this + 1); }
	};
	Slot *slot;
	uint32_t seen;

	long futex(int what, uint32_t value) { return syscall(SYS_futex, &slot->sequence, what, value, nullptr, nullptr, 0); }
};

} // namespace

std::vector<Kind> sharedMemoryKinds() { return {{"naive", make<Naive>}, {"futex", make<Futex>}}; }
