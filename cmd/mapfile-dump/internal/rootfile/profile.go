package rootfile

import (
	"unicode/utf8"

	"go-hep.org/x/hep/groot/rbytes"
	"go-hep.org/x/hep/groot/rcont"
	"go-hep.org/x/hep/groot/rhist"
	"go-hep.org/x/hep/groot/root"
	"go-hep.org/x/hep/groot/rvers"
)

// A profile is a TProfile. groot reads and writes these, but has no way to make one.
type profile struct {
	*rhist.H1D                 // contents are sums of w*y, fSumw2 has those of w*y²
	binEntries    rcont.ArrayD // sums of w
	binSumW2      rcont.ArrayD // sums of w²
	sumWY, sumWY2 float64
}

func (*profile) Class() string   { return "TProfile" }
func (*profile) RVersion() int16 { return rvers.Profile }

// The error of a bin is that of its mean, and y has no limits.
const (
	errorOfMean = int32(0) // kERRORMEAN
	yMin, yMax  = 0.0, 0.0
)

// MarshalROOT writes the members in the order of ROOT's class.
func (p *profile) MarshalROOT(w *rbytes.WBuffer) (int, error) {
	if w.Err() != nil {
		return 0, w.Err()
	}
	header := w.WriteHeader(p.Class(), p.RVersion())
	w.WriteObject(p.H1D)
	w.WriteObject(&p.binEntries)
	w.WriteI32(errorOfMean)
	w.WriteF64(yMin)
	w.WriteF64(yMax)
	w.WriteF64(p.sumWY)
	w.WriteF64(p.sumWY2)
	w.WriteObject(&p.binSumW2)
	return w.SetHeader(header)
}

func (p *profile) RMembers() []rbytes.Member {
	return append(p.H1D.RMembers(), []rbytes.Member{
		{Name: "fBinEntries", Value: &p.binEntries.Data},
		{Name: "fErrorMode", Value: errorOfMean},
		{Name: "fYmin", Value: yMin},
		{Name: "fYmax", Value: yMax},
		{Name: "fTsumwy", Value: &p.sumWY},
		{Name: "fTsumwy2", Value: &p.sumWY2},
		{Name: "fBinSumw2", Value: &p.binSumW2.Data},
	}...)
}

// An object is one that can be written.
type object interface {
	root.Object
	rbytes.Marshaler
	rbytes.RVersioner
}

// stored is an object on its way into a file. The file keeps what it was given as long as it is open,
// hence obj is taken out again.
type stored struct {
	obj          object
	class, title string
}

func (s *stored) Class() string                              { return s.class }
func (s *stored) RVersion() int16                            { return s.obj.RVersion() }
func (s *stored) Name() string                               { return "" }
func (s *stored) Title() string                              { return s.title }
func (s *stored) MarshalROOT(w *rbytes.WBuffer) (int, error) { return s.obj.MarshalROOT(w) }

// cut shortens a title for the list of keys, see maxPath. The object has it whole.
func cut(title string) string {
	const most = 1000
	if len(title) <= most {
		return title
	}
	n := most
	for !utf8.RuneStart(title[n]) {
		n--
	}
	return title[:n]
}
