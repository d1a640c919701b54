//go:build unix

package serve

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestUnixSocket(t *testing.T) {
	socketDir, err := os.MkdirTemp("", "s") // short: the name of a socket has at most 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(socketDir)
	path := filepath.Join(socketDir, "s")
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	t.Run("serve", func(t *testing.T) {
		w := start(t, dir, Config{}, Address{Listen: "unix:" + path})
		if w.listener.URL() != "unix:"+path {
			t.Error(w.listener.URL())
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Error(info.Mode(), err)
		}
		w.url = "http://whatever.example"
		w.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}
		if answer, text := w.get("/api/value/f/n"); answer.StatusCode != 200 {
			t.Error(answer.Status, text)
		}
		if _, err := Listen(Address{Listen: "unix:" + path}); err == nil {
			t.Error("a socket where somebody listens is taken")
		}
		if answer, _ := w.get("/api/files"); answer.StatusCode != 200 {
			t.Error("and is broken by that:", answer.Status)
		}
	})
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the socket is left behind:", err)
	}

	// One that a server left that was killed is replaced.
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	again, err := Listen(Address{Listen: "unix:" + path})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()

	// What is no socket stays.
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Address{Listen: "unix:" + path}); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); string(text) != "precious" {
		t.Error(string(text), err)
	}
}
