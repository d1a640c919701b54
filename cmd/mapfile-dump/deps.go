package main

import (
	_ "charm.land/bubbletea/v2"
	_ "charm.land/lipgloss/v2"
	_ "github.com/prometheus/common/expfmt"
	_ "go-hep.org/x/hep/groot"
	_ "go-hep.org/x/hep/groot/rhist"
	_ "go-hep.org/x/hep/groot/riofs"
	_ "go-hep.org/x/hep/groot/rjson"
	_ "go-hep.org/x/hep/hplot"
	_ "golang.org/x/crypto/bcrypt"
	_ "gonum.org/v1/plot/vg/vgpdf"
	_ "gonum.org/v1/plot/vg/vgsvg"
)
