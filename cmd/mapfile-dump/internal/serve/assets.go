package serve

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"sync"
)

// The page: files that are part of the program. What is not in this list is not there.

//go:embed page/*.html page/*.js page/*.css page/*.svg
var pageFiles embed.FS

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

type asset struct {
	contentType, etag string
	body, zipped      []byte
}

// assets gives the files of the page by their addresses. They are packed when they are first asked for: the
// other commands shall not wait for it.
var assets = sync.OnceValue(loadAssets)

func loadAssets() map[string]asset {
	entries, err := pageFiles.ReadDir("page")
	if err != nil {
		panic(err) // they were there when this was compiled
	}
	list := map[string]asset{}
	for _, entry := range entries {
		contentType, ok := contentTypes[path.Ext(entry.Name())]
		if !ok {
			continue
		}
		body, err := pageFiles.ReadFile("page/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		address := "/" + entry.Name()
		if entry.Name() == "index.html" {
			address = "/"
		}
		list[address] = asset{contentType, `"` + hex.EncodeToString(sum[:8]) + `"`, body, zip(body, gzip.BestCompression)}
	}
	return list
}

func zip(body []byte, level int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		panic(err) // the level is ours
	}
	w.Write(body) // to memory
	w.Close()
	return b.Bytes()
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request, a asset) {
	s.send(w, r, answer{contentType: a.contentType, etag: a.etag, body: a.body, zipped: a.zipped})
}
