package mapfile

// rate is a slot's publishes a second. Stamps are coarse, so versions are counted from one stamp to
// the next.
type rate struct {
	perSecond float32
	version   uint64 // when boot was first seen
	boot      uint64
}

// at returns the rate, of which a new stamp makes up half.
func (r *rate) at(version, boot uint64) float32 {
	if boot == r.boot {
		return r.perSecond
	}
	if r.boot != 0 && boot > r.boot {
		now := float32(float64(version-r.version) / (float64(boot-r.boot) / 1e9))
		if r.perSecond == 0 {
			r.perSecond = now
		}
		r.perSecond = (r.perSecond + now) / 2
	}
	r.version, r.boot = version, boot
	return r.perSecond
}
