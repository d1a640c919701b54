// Package inplace marks the codecs that may encode straight into a slot's own buffer.
//
// Such a codec must not run code of others (no MarshalX methods of user types), must not keep dst,
// must not write beyond cap(dst) and must hold no lock of its own while it appends: dst is memory
// of a mapped file, in which a fault can end the call at any instruction. The parameter type lives
// in this internal package, so codecs of others cannot claim it by accident; they get private memory.
package inplace

// A Codec whose Append may be given mapped memory.
type Codec interface {
	EncodesInPlace(Promise)
}

// Promise is the parameter that only codecs of this module can name.
type Promise struct{}
