// What the worker of worker.cpp asks of a store; ../store.go has the same for the stores in Go.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

// A Value is memory of this process alone. Those of the worker begin on a cache line.
struct Value {
	char *bytes;
	size_t size;
};

using Sizes = std::vector<size_t>;
using Values = std::vector<Value>;

// A Store is one process's side of a store in a file: it publishes values, or it copies the newest value of a
// slot to a buffer, which has its size. Failures are exceptions.
class Store {
public:
	virtual ~Store() = default;
	virtual void publish(size_t slot, const Value &value) = 0;
	virtual void read(size_t slot, const Value &buffer) = 0;

	// publishAll and readAll are about each slot: in one go, where the store can do that.
	virtual void publishAll(const Values &values) {
		for (size_t i = 0; i < values.size(); i++) publish(i, values[i]);
	}
	virtual void readAll(const Values &buffers) {
		for (size_t i = 0; i < buffers.size(); i++) read(i, buffers[i]);
	}

	// wait sleeps until something is published: since its last wait, if that was before.
	virtual void wait() { throw std::runtime_error("readers of this store cannot sleep"); }
};

// A Kind makes its stores in a directory: with create it makes the file, with a first value of zeros in each
// slot; without, it opens what another process has created.
struct Kind {
	std::string name;
	std::unique_ptr<Store> (*make)(const std::string &dir, const Sizes &sizes, bool create);
};

template <class S> std::unique_ptr<Store> make(const std::string &dir, const Sizes &sizes, bool create) {
	return std::make_unique<S>(dir, sizes, create);
}

// The kinds, by the library that they use.
std::vector<Kind> boostKinds();
std::vector<Kind> lmdbKinds();
std::vector<Kind> sharedMemoryKinds();

// slotName is what a slot is called where slots have names.
inline std::string slotName(size_t slot) {
	return "value/" + std::to_string(1'000'000 + slot).substr(1);
}

// filePath is where a store has its file. Create starts from nothing, whatever was left there.
inline std::string filePath(const std::string &dir, const std::string &name, bool create) {
	std::string path = dir + "/" + name;
	if (create) {
		unlink(path.c_str());
	} else if (access(path.c_str(), R_OK | W_OK) != 0) {
		throw std::runtime_error(path + ": " + strerror(errno) + ": start the publisher first, in the same directory");
	}
	return path;
}

inline void mustBeOne(const Sizes &sizes) {
	if (sizes.size() != 1) throw std::runtime_error("this store has one slot: give it one size");
}

inline std::runtime_error otherSizes(const std::string &path) {
	return std::runtime_error(path + " has other slots: give publisher and readers the same sizes");
}
