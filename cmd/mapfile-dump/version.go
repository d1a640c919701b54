package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command version.

func newVersion(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "version of the program and of the file format",
		Long:              "Version shows the program's version and the file format that it reads.",
		Example:           "  mapfile-dump version",
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotNoMatch: ""},
		Args:              operands(0, 0, "version has none"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if t.wantsJSON() {
				return t.newRecords(true).Put(versionRecord{
					record.HeadOf("version"), programVersion(), mapfile.FormatVersion, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			return t.out.printf("mapfile-dump %s  format %d  %s %s/%s\n",
				programVersion(), mapfile.FormatVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

type versionRecord struct {
	record.Head
	Version       string `json:"version"`
	FormatVersion int    `json:"format_version"`
	Go            string `json:"go"`
	Platform      string `json:"platform"`
}

// programVersion is the module's version, or the commit that the program was built from.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return fmt.Sprintf("devel-%.12s", s.Value)
		}
	}
	return "devel"
}
