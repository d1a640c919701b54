module github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/serve/browsertest

go 1.26.0

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
	github.com/gomapfile/mapfile v0.0.0
	go-hep.org/x/hep v0.39.0
)

require (
	codeberg.org/gonuts/binary v0.3.2 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	golang.org/x/sys v0.49.0 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/gomapfile/mapfile => ../../../../..
