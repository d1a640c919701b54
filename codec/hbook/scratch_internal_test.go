package hbookcodec
import ("testing";"encoding/binary";"math";"go-hep.org/x/hep/hbook")
func sh2() *hbook.H2D { h:=hbook.NewH2D(100,-4,4,100,-4,4); for i:=0;i<100000;i++{ h.Fill(float64(i%977)/977*8-4, float64(i%811)/811*8-4,1)}; return h}
func gA(col []byte, bins []hbook.Bin2D) (tally, uint64) {
 var squares, counts, large, differ uint64
 col = col[:8*len(bins)]
 for i := range bins {
  d:=&bins[i].Dist; x,y:=&d.X.Dist,&d.Y.Dist
  w, w2 := math.Float64bits(x.SumW), math.Float64bits(x.SumW2)
  squares |= w ^ w2
  counts |= w ^ math.Float64bits(float64(x.N))
  large |= uint64(x.N)
  differ |= (w ^ math.Float64bits(y.SumW)) | (w2 ^ math.Float64bits(y.SumW2)) | uint64(x.N^y.N)
  binary.LittleEndian.PutUint64(col[8*i:], w)
 }
 return tally{squares,counts,large}, differ
}
func pw(col []byte, i int, v uint64) { j:=8*i; _ = col[j+7]; col[j]=byte(v); col[j+1]=byte(v>>8); col[j+2]=byte(v>>16); col[j+3]=byte(v>>24); col[j+4]=byte(v>>32); col[j+5]=byte(v>>40); col[j+6]=byte(v>>48); col[j+7]=byte(v>>56) }
func gB(col []byte, bins []hbook.Bin2D) (uint64,uint64, uint64) {
 var squares, counts, differ uint64
 for i := range bins {
  d:=&bins[i].Dist; x,y:=&d.X.Dist,&d.Y.Dist
  w, w2 := math.Float64bits(x.SumW), math.Float64bits(x.SumW2)
  squares |= w ^ w2
  counts |= (w ^ math.Float64bits(float64(x.N))) | uint64(x.N)>>53
  differ |= (w ^ math.Float64bits(y.SumW)) | (w2 ^ math.Float64bits(y.SumW2)) | uint64(x.N^y.N)
  pw(col,i, w)
 }
 return squares,counts, differ
}
func gC(col []byte, bins []hbook.Bin2D) (uint64,uint64, uint64) {
 var squares, counts, differ uint64
 for i := range bins {
  d:=&bins[i].Dist; x,y:=&d.X.Dist,&d.Y.Dist
  w, w2 := math.Float64bits(x.SumW), math.Float64bits(x.SumW2)
  squares |= w ^ w2
  counts |= (w ^ math.Float64bits(float64(x.N))) | uint64(x.N)>>53
  differ |= (w ^ math.Float64bits(y.SumW)) | (w2 ^ math.Float64bits(y.SumW2)) | uint64(x.N^y.N)
  binary.LittleEndian.PutUint64(col[8*i:], w)
 }
 return squares,counts, differ
}
func gD(col []byte, bins []hbook.Bin2D) (uint64,uint64, uint64) {
 var squares, counts, differ uint64
 for i := range bins {
  d:=&bins[i].Dist
  w := d.X.Dist.SumW
  if d.X.Dist.SumW2 != w { squares=1 }
  if d.X.Dist!=d.Y.Dist {differ=1}
  counts |= (math.Float64bits(w) ^ math.Float64bits(float64(d.X.Dist.N))) | uint64(d.X.Dist.N)>>53
  pw(col,i, math.Float64bits(w))
 }
 return squares,counts, differ
}
func gE(col []byte, bins []hbook.Bin2D) (uint64,uint64, uint64) {
 var squares, counts, differ uint64
 for len(bins) >= 8 && len(col) >= 64 {
  src, dst := (*[8]hbook.Bin2D)(bins), (*[64]byte)(col)
  for k := range src {
   d:=&src[k].Dist; x,y:=&d.X.Dist,&d.Y.Dist
   w, w2 := math.Float64bits(x.SumW), math.Float64bits(x.SumW2)
   squares |= w ^ w2
   counts |= (w ^ math.Float64bits(float64(x.N))) | uint64(x.N)>>53
   differ |= (w ^ math.Float64bits(y.SumW)) | (w2 ^ math.Float64bits(y.SumW2)) | uint64(x.N^y.N)
   binary.LittleEndian.PutUint64(dst[8*k:8*k+8], w)
  }
  bins, col = bins[8:], col[64:]
 }
 return squares,counts, differ
}
func one(d *hbook.Dist2D) (w, squares, counts, differ uint64) {
   x,y:=&d.X.Dist,&d.Y.Dist
   w = math.Float64bits(x.SumW)
   w2 := math.Float64bits(x.SumW2)
   squares = w ^ w2
   counts = (w ^ math.Float64bits(float64(x.N))) | uint64(x.N)>>53
   differ = (w ^ math.Float64bits(y.SumW)) | (w2 ^ math.Float64bits(y.SumW2)) | uint64(x.N^y.N)
   return
}
func gF(col []byte, bins []hbook.Bin2D) (uint64,uint64, uint64) {
 var squares, counts, differ uint64
 for i := range bins {
  if len(col) < 8 { break }
  d:=&bins[i].Dist; x,y:=&d.X.Dist,&d.Y.Dist
  w := math.Float64bits(x.SumW)
  binary.LittleEndian.PutUint64(col, w)
  col = col[8:]
  differ |= w ^ math.Float64bits(y.SumW)
  w2 := math.Float64bits(x.SumW2)
  squares |= w ^ w2
  differ |= w2 ^ math.Float64bits(y.SumW2)
  n := x.N
  differ |= uint64(n^y.N)
  counts |= (w ^ math.Float64bits(float64(n))) | uint64(n)>>53
 }
 return squares,counts, differ
}
func gH(col []byte, bins []hbook.Bin2D) (uint64,uint64, uint64) {
 var squares, counts, differ uint64
 for i := range bins {
  d:=&bins[i].Dist; x,y:=&d.X.Dist,&d.Y.Dist
  w := math.Float64bits(x.SumW)
  differ |= w ^ math.Float64bits(y.SumW)
  w2 := math.Float64bits(x.SumW2)
  squares |= w ^ w2
  differ |= w2 ^ math.Float64bits(y.SumW2)
  n := x.N
  differ |= uint64(n^y.N)
  counts |= (w ^ math.Float64bits(float64(n))) | uint64(n)>>53
  binary.LittleEndian.PutUint64(col[8*i:8*i+8], w)
 }
 return squares,counts, differ
}
func gJ(col []byte, bins []hbook.Bin2D) int {
 for i := range bins {
  x, y := &bins[i].Dist.X.Dist, &bins[i].Dist.Y.Dist
  w := x.SumW
  if w != x.SumW2 || w != float64(x.N) || uint64(x.N) >= 1<<53 || w != y.SumW || w != y.SumW2 || x.N != y.N { return i }
  binary.LittleEndian.PutUint64(col[8*i:8*i+8], math.Float64bits(w))
 }
 return len(bins)
}
func gK(col []byte, bins []hbook.Bin2D) int {
 for i := range bins {
  x := &bins[i].Dist.X.Dist
  w := x.SumW
  if w != x.SumW2 || w != float64(x.N) || uint64(x.N) >= 1<<53  { return i }
  binary.LittleEndian.PutUint64(col[8*i:8*i+8], math.Float64bits(w))
 }
 return len(bins)
}
func s1(row []hbook.Bin2D, xs []hbook.Bin1D, y hbook.Range, col []byte) bool {
	xs = xs[:len(row)]
	for i := range row {
		w := math.Float64frombits(binary.LittleEndian.Uint64(col[8*i:8*i+8]))
		n := int64(w)
		if float64(n) != w || uint64(n) >= 1<<53 { return false }
		b := &row[i]
		b.XRange, b.YRange = xs[i].Range, y
		d := &b.Dist
		d.X.Dist.N, d.X.Dist.SumW, d.X.Dist.SumW2 = n, w, w
		d.X.Stats = moments1D{}
		d.Y.Dist.N, d.Y.Dist.SumW, d.Y.Dist.SumW2 = n, w, w
		d.Y.Stats = moments1D{}
		d.Stats.SumWXY = 0
	}
	return true
}
func s0(row []hbook.Bin2D, xs []hbook.Bin1D, y hbook.Range, col []byte) bool {
	xs = xs[:len(row)]
	for i := range row {
		w := math.Float64frombits(binary.LittleEndian.Uint64(col[8*i:8*i+8]))
		n := int64(w)
		b := &row[i]
		b.XRange, b.YRange = xs[i].Range, y
		d := &b.Dist
		d.X.Dist.N, d.X.Dist.SumW, d.X.Dist.SumW2 = n, w, w
		d.X.Stats = moments1D{}
		d.Y.Dist.N, d.Y.Dist.SumW, d.Y.Dist.SumW2 = n, w, w
		d.Y.Stats = moments1D{}
		d.Stats.SumWXY = 0
	}
	return true
}
func s2(row []hbook.Bin2D, xs []hbook.Bin1D, y hbook.Range, col []byte) bool {
	xs = xs[:len(row)]
	for i := range row {
		w := math.Float64frombits(binary.LittleEndian.Uint64(col[8*i:8*i+8]))
		n := int64(w)
		if float64(n) != w || uint64(n) >= 1<<53 { return false }
		b := &row[i]
		if b.XRange != xs[i].Range { b.XRange= xs[i].Range}
		if b.YRange != y { b.YRange=y }
		d := &b.Dist
		d.X.Dist.N, d.X.Dist.SumW, d.X.Dist.SumW2 = n, w, w
		d.X.Stats = moments1D{}
		d.Y.Dist.N, d.Y.Dist.SumW, d.Y.Dist.SumW2 = n, w, w
		d.Y.Stats = moments1D{}
		d.Stats.SumWXY = 0
	}
	return true
}
func gL(col []byte, bins []hbook.Bin2D) int {
 for i := range bins {
  x := &bins[i].Dist.X.Dist
  w := math.Float64bits(x.SumW)
  if w != math.Float64bits(x.SumW2) || w != math.Float64bits(float64(x.N)) || uint64(x.N) >= 1<<53  { return i }
  binary.LittleEndian.PutUint64(col[8*i:8*i+8], w)
 }
 return len(bins)
}
func BenchmarkG(b *testing.B){ h:=sh2(); col:=make([]byte,80000)
 b.Run("cur",func(b *testing.B){ for b.Loop(){ gatherSumW2D(col,h.Binning.Bins)}})
 b.Run("A",func(b *testing.B){ for b.Loop(){ gA(col,h.Binning.Bins)}})
 b.Run("B",func(b *testing.B){ for b.Loop(){ gB(col,h.Binning.Bins)}})
 b.Run("C",func(b *testing.B){ for b.Loop(){ gC(col,h.Binning.Bins)}})
 b.Run("D",func(b *testing.B){ for b.Loop(){ gD(col,h.Binning.Bins)}})
 b.Run("E",func(b *testing.B){ for b.Loop(){ gE(col,h.Binning.Bins)}})
 b.Run("F",func(b *testing.B){ for b.Loop(){ gF(col,h.Binning.Bins)}})
 b.Run("H",func(b *testing.B){ for b.Loop(){ gH(col,h.Binning.Bins)}})
 b.Run("J",func(b *testing.B){ for b.Loop(){ if gJ(col,h.Binning.Bins)!=10000 {b.Fatal()}}})
 b.Run("K",func(b *testing.B){ for b.Loop(){ if gK(col,h.Binning.Bins)!=10000 {b.Fatal()}}})
 for i,f:=range []func(row []hbook.Bin2D, xs []hbook.Bin1D, y hbook.Range, col []byte) bool{s0,s1,s2} {
 b.Run("S"+string(rune('0'+i)),func(b *testing.B){ for b.Loop(){ for iy:=range 100 { f(h.Binning.Bins[iy*100:iy*100+100], h.Binning.XEdges, h.Binning.YEdges[iy].Range, col[iy*800:iy*800+800])}}})}
 b.Run("L",func(b *testing.B){ for b.Loop(){ if gL(col,h.Binning.Bins)!=10000 {b.Fatal()}}})
 b.Run("floor",func(b *testing.B){ for b.Loop(){ bins:=h.Binning.Bins; c:=col[:8*len(bins)]; for i:=range bins { binary.LittleEndian.PutUint64(c[8*i:],math.Float64bits(bins[i].Dist.X.Dist.SumW)) } }})
 b.Run("floorscat",func(b *testing.B){ for b.Loop(){ bins:=h.Binning.Bins; c:=col[:8*len(bins)]; for i:=range bins { bins[i].Dist.X.Dist.SumW=math.Float64frombits(binary.LittleEndian.Uint64(c[8*i:])) } }})
 off:=0; colx:=make([]byte,80064)
 b.Run("unitX",func(b *testing.B){ var s uint64; for range b.N { bins:=h.Binning.Bins; c:=colx[off:off+8*len(bins)]
  var d2,dn,big uint64
  for i:=range bins { d:=&bins[i].Dist.X.Dist; w:=math.Float64bits(d.SumW); d2|=w^math.Float64bits(d.SumW2); dn|=w^math.Float64bits(float64(d.N)); big|=uint64(d.N); binary.LittleEndian.PutUint64(c[8*i:],w) } ; s+=d2+dn+big}; _=s})
 b.Run("unitY",func(b *testing.B){ var s uint64; for range b.N { bins:=h.Binning.Bins; c:=colx[off:off+8*len(bins)]
  var d2,dn,big,dy uint64
  for i:=range bins { d:=&bins[i].Dist.X.Dist; y:=&bins[i].Dist.Y.Dist; w:=math.Float64bits(d.SumW); w2:=math.Float64bits(d.SumW2); d2|=w^w2; dn|=w^math.Float64bits(float64(d.N)); big|=uint64(d.N); dy|=w^math.Float64bits(y.SumW)|w2^math.Float64bits(y.SumW2)|uint64(d.N^y.N);  binary.LittleEndian.PutUint64(c[8*i:],w) } ; s+=d2+dn+big+dy}; _=s})
 var t tally
 b.Run("scat",func(b *testing.B){ for b.Loop(){ for iy:=range 100 { setSumW2D(h.Binning.Bins[iy*100:iy*100+100], h.Binning.XEdges, h.Binning.YEdges[iy].Range, col[iy*800:iy*800+800], &t)}}})
 b.Run("app",func(b *testing.B){ var buf []byte; for b.Loop(){ buf,_=appendH2D(buf[:0],h,false)}})
}
