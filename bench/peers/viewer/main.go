// Command viewer looks at one histogram of a map file, once: its process is what the experiment first
// measures. It is called as a worker is, says "ready" when it has the histogram, and ends with its input.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	_ "github.com/gomapfile/mapfile/codec/hbook"
	"github.com/gomapfile/mapfile/mapfile"
	"go-hep.org/x/hep/hbook"
)

func main() {
	if err := look(filepath.Join(os.Args[3], "histograms.map")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin)
}

func look(path string) error {
	mf, err := mapfile.Open(path)
	if err != nil {
		return err
	}
	defer mf.Close()
	h, err := mapfile.Get[*hbook.H1D](mf, "hpx")
	if err == nil && h.Entries() == 0 {
		err = fmt.Errorf("hpx has no entries")
	}
	if err == nil {
		fmt.Println("ready")
	}
	return err
}
