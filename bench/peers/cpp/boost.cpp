// Boost.Interprocess as its documentation has it: a managed mapped file, a named object for each slot, which
// is found once, and the lock inside the object. Readers map the file for writing, as the locks are in it.
#include "store.hpp"

#include <boost/interprocess/managed_mapped_file.hpp>
#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_sharable_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/interprocess/sync/sharable_lock.hpp>

namespace bip = boost::interprocess;

namespace {

template <class Mutex> struct Slot {
	Mutex mutex;
	size_t size = 0;
	bip::offset_ptr<char> bytes;
};

// Locked keeps each slot under a Mutex; its readers take a ReadLock.
template <class Mutex, class ReadLock> class Locked : public Store {
public:
	Locked(const std::string &dir, const Sizes &sizes, bool create) {
		std::string path = filePath(dir, "boost", create);
		if (create) {
			fill(path.c_str(), sizes);
		} else {
			file = bip::managed_mapped_file(bip::open_only, path.c_str());
		}
		for (size_t i = 0; i < sizes.size(); i++) {
			slots.push_back(file.find<Slot<Mutex>>(slotName(i).c_str()).first);
			if (slots[i] == nullptr || slots[i]->size != sizes[i]) throw otherSizes(path);
		}
	}

	void publish(size_t i, const Value &value) override {
		bip::scoped_lock<Mutex> lock(slots[i]->mutex);
		memcpy(slots[i]->bytes.get(), value.bytes, value.size);
	}

	void read(size_t i, const Value &buffer) override {
		ReadLock lock(slots[i]->mutex);
		memcpy(buffer.bytes, slots[i]->bytes.get(), buffer.size);
	}

protected:
	bip::managed_mapped_file file;
	std::vector<Slot<Mutex> *> slots;

private:
	void fill(const char *path, const Sizes &sizes) {
		size_t length = 1 << 20; // with the names, and what Boost keeps beside an object
		for (size_t size : sizes) length += size + 512;
		file = bip::managed_mapped_file(bip::create_only, path, length);
		for (size_t i = 0; i < sizes.size(); i++) {
			auto slot = file.construct<Slot<Mutex>>(slotName(i).c_str())();
			slot->size = sizes[i];
			slot->bytes = static_cast<char *>(file.allocate_aligned(sizes[i], 64));
			memset(slot->bytes.get(), 0, sizes[i]);
		}
	}
};

using UnderMutex = Locked<bip::interprocess_mutex, bip::scoped_lock<bip::interprocess_mutex>>;
using UnderSharable = Locked<bip::interprocess_sharable_mutex, bip::sharable_lock<bip::interprocess_sharable_mutex>>;

// News counts what was published, under the mutex of the slot.
struct News {
	bip::interprocess_condition published;
	size_t count = 0;
};

// Condition is one slot under a mutex, with readers that can sleep until it changes.
class Condition : public UnderMutex {
public:
	Condition(const std::string &dir, const Sizes &sizes, bool create) : UnderMutex(dir, sizes, create) {
		mustBeOne(sizes);
		news = file.find_or_construct<News>("news")();
		seen = news->count;
	}

	void publish(size_t, const Value &value) override {
		{
			bip::scoped_lock<bip::interprocess_mutex> lock(slots[0]->mutex);
			memcpy(slots[0]->bytes.get(), value.bytes, value.size);
			news->count++;
		}
		news->published.notify_all();
	}

	void wait() override {
		bip::scoped_lock<bip::interprocess_mutex> lock(slots[0]->mutex);
		while (news->count == seen) news->published.wait(lock);
		seen = news->count;
	}

private:
	News *news;
	size_t seen;
};

} // namespace

std::vector<Kind> boostKinds() {
	return {{"boost-mutex", make<UnderMutex>}, {"boost-sharable", make<UnderSharable>}, {"boost-condition", make<Condition>}};
}
