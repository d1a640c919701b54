// LMDB as a store of newest values: a key for each slot, in one database; nothing is synced to a disk.
#include "store.hpp"

#include <lmdb.h>

namespace {

void check(int rc, const char *what) {
	if (rc != 0) throw std::runtime_error(std::string("lmdb: ") + what + ": " + mdb_strerror(rc));
}

// mapSize bounds the file, which grows while readers are slow; what is not used takes no space.
constexpr size_t mapSize = size_t(16) << 30;

class Lmdb : public Store {
public:
	Lmdb(const std::string &dir, const Sizes &sizes, bool create) : path(filePath(dir, "lmdb", create)) {
		for (size_t i = 0; i < sizes.size(); i++) names.push_back(slotName(i));
		check(mdb_env_create(&env), "new environment");
		if (create) {
			unlink((path + "-lock").c_str());
			check(mdb_env_set_mapsize(env, mapSize), "size of the map");
		}
		check(mdb_env_open(env, path.c_str(), create ? MDB_NOSUBDIR | MDB_NOSYNC | MDB_WRITEMAP : MDB_NOSUBDIR | MDB_RDONLY, 0600), "open");
		MDB_txn *first = begin(create ? 0 : MDB_RDONLY);
		check(mdb_dbi_open(first, nullptr, 0, &db), "database");
		for (size_t i = 0; create && i < sizes.size(); i++) {
			std::vector<char> zeros(sizes[i]);
			put(first, i, {zeros.data(), zeros.size()});
		}
		commit(first);
		if (!create) { // a reader has one transaction, which it renews; so it keeps its place in the lock file
			reading = begin(MDB_RDONLY);
			mdb_txn_reset(reading);
		}
	}

	~Lmdb() override {
		if (reading != nullptr) mdb_txn_abort(reading);
		mdb_env_close(env);
	}

	void publish(size_t slot, const Value &value) override {
		MDB_txn *txn = begin(0);
		put(txn, slot, value);
		commit(txn);
	}

	void publishAll(const Values &values) override {
		MDB_txn *txn = begin(0);
		for (size_t i = 0; i < values.size(); i++) put(txn, i, values[i]);
		commit(txn);
	}

	void read(size_t slot, const Value &buffer) override {
		check(mdb_txn_renew(reading), "renew");
		copy(slot, buffer);
		mdb_txn_reset(reading);
	}

	void readAll(const Values &buffers) override {
		check(mdb_txn_renew(reading), "renew");
		for (size_t i = 0; i < buffers.size(); i++) copy(i, buffers[i]);
		mdb_txn_reset(reading);
	}

private:
	std::string path;
	MDB_env *env = nullptr;
	MDB_dbi db = 0;
	MDB_txn *reading = nullptr;
	std::vector<std::string> names;

	MDB_txn *begin(unsigned flags) {
		MDB_txn *txn;
		check(mdb_txn_begin(env, nullptr, flags, &txn), "begin");
		return txn;
	}

	void commit(MDB_txn *txn) { check(mdb_txn_commit(txn), "commit"); }

	MDB_val key(size_t slot) { return {names[slot].size(), names[slot].data()}; }

	void put(MDB_txn *txn, size_t slot, const Value &value) {
		MDB_val k = key(slot), v = {value.size, value.bytes};
		check(mdb_put(txn, db, &k, &v, 0), "put");
	}

	void copy(size_t slot, const Value &buffer) {
		MDB_val k = key(slot), v;
		int rc = mdb_get(reading, db, &k, &v);
		if (rc == MDB_NOTFOUND || (rc == 0 && v.mv_size != buffer.size)) throw otherSizes(path);
		check(rc, "get");
		memcpy(buffer.bytes, v.mv_data, v.mv_size);
	}
};

} // namespace

std::vector<Kind> lmdbKinds() { return {{"lmdb", make<Lmdb>}}; }
