package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return cert, key, pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	dir := t.TempDir()
	mf := create(t, dir, "f.map")
	n := int64(1)
	slot := put(t, mf, "n", &n)
	w := start(t, dir, Config{Limits: Limits{Read: 2 * time.Second}}, Address{Cert: cert, Key: key})
	if !strings.HasPrefix(w.url, "https://127.0.0.1:") {
		t.Error(w.url)
	}
	w.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	if answer, _ := w.get("/api/value/f/n"); answer.StatusCode != 200 || answer.ProtoMajor != 2 {
		t.Error(answer.Status, answer.Proto)
	}
	events, _ := w.listen("item=f/n") // by HTTP/2, longer than the limit for reading
	await(t, events, "1", func(s sent) bool { return s.Value == 1.0 })
	time.Sleep(2500 * time.Millisecond)
	n = 2
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	await(t, events, "2", func(s sent) bool { return s.Value == 2.0 })
	old := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(w.url, "https://"), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is taken")
	}
	plain, err := http.Get("http://" + strings.TrimPrefix(w.url, "https://") + "/api/files")
	if err == nil {
		plain.Body.Close()
		if plain.StatusCode != 400 {
			t.Error("plain text to TLS:", plain.Status)
		}
	}
	// Who babbles fills no log.
	for range 50 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte("nonsense\n"))
		conn.Close()
	}
	time.Sleep(100 * time.Millisecond)
	if n := strings.Count(w.log.text(), "\n"); n > 5 {
		t.Errorf("%d lines of log", n)
	}
	for _, a := range []Address{{Cert: key, Key: cert}, {Cert: "/nonexistent", Key: key}} {
		if _, err := Listen(a); err == nil {
			t.Errorf("%+v is taken", a)
		}
	}
}

func authFile(t *testing.T, path string, users map[string]string) {
	t.Helper()
	text := "# users\n\n"
	for user, password := range users {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		text += user + ":" + strings.Replace(string(hash), "$2a$", "$2y$", 1) + "\n" // as htpasswd writes it
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestPasswords(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "users")
	put(t, create(t, dir, "f.map"), "n", number64(1))
	authFile(t, path, map[string]string{"anna": "secret", "bert": "other:with:colons"})
	auth, err := OpenAuth(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, dir, Config{Auth: auth, Limits: Limits{Alive: 100 * time.Millisecond}}, Address{Auth: true})
	as := func(user, password string) string {
		r, _ := http.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		return "Authorization: " + r.Header.Get("Authorization")
	}
	for _, c := range []struct {
		header string
		want   int
	}{
		{as("anna", "secret"), 200}, {as("bert", "other:with:colons"), 200}, {as("anna", "Secret"), 401}, {as("anna", ""), 401},
		{as("", ""), 401}, {as("bert", "secret"), 401}, {as("nobody", "secret"), 401}, {"Authorization: Basic !!!", 401},
		{"Authorization: Bearer x", 401}, {"X: y", 401}, {as("anna", strings.Repeat("secret", 100)), 401}, {as("anna", "secret"), 200},
	} {
		for _, path := range []string{"/", "/app.js", "/api/files", "/api/value/f/n", "/f/n/root.json", "/metrics", "/healthz"} {
			answer, text := w.get(path, c.header)
			if answer.StatusCode != c.want || (c.want == 401) != (answer.Header.Get("WWW-Authenticate") != "") {
				t.Errorf("%s %s: %s %s", path, c.header, answer.Status, text)
			}
		}
	}
	if n := len(auth.passed); n != 2 {
		t.Errorf("%d passwords are remembered", n)
	}

	// When the file changes, so does who may look; open streams of others end.
	events, _ := w.listen("item=f/n", as("anna", "secret"))
	await(t, events, "draw", func(s sent) bool { return s.event == "draw" })
	authFile(t, path, map[string]string{"anna": "a new one", "carl": "third"})
	awaitEnd(t, events)
	for header, want := range map[string]int{as("anna", "secret"): 401, as("anna", "a new one"): 200, as("carl", "third"): 200, as("bert", "other:with:colons"): 401} {
		if answer, _ := w.get("/api/files", header); answer.StatusCode != want {
			t.Errorf("after the change: %s: %s", header, answer.Status)
		}
	}

	// A file that cannot be read is told, and changes nothing.
	if err := os.WriteFile(path, []byte("anna:plain\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	if answer, _ := w.get("/api/files", as("carl", "third")); answer.StatusCode != 200 || !strings.Contains(w.log.text(), "line 1") {
		t.Errorf("%s, log %s", answer.Status, w.log.text())
	}
}

// A password that was right costs its hash once; for a user that there is not as much is done as for a wrong
// password.
func TestPasswordsAreRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	authFile(t, path, map[string]string{"anna": "secret"})
	auth, err := OpenAuth(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequest("GET", "/", nil)
	for i, c := range []struct {
		user, password string
		want           bool
		hashes         int64
	}{
		{"anna", "secret", true, 1}, {"anna", "secret", true, 0}, {"anna", "wrong", false, 1}, {"anna", "wrong", false, 1},
		{"nobody", "secret", false, 1}, {"nobody", "secret", false, 1}, {"anna", "secret", true, 0},
	} {
		before := auth.compared.Load()
		if got := auth.allows(r, c.user, c.password); got != c.want || auth.compared.Load()-before != c.hashes {
			t.Errorf("%d: %s %s: %t with %d hashes", i, c.user, c.password, got, auth.compared.Load()-before)
		}
	}
}

func TestBadAuthFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	for text, want := range map[string]string{
		"": "no users", "# only\n": "no users", "anna\n": "line 1", "\nanna:secret\n": "line 2", "anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n": "line 1",
		"anna:$apr1$x$y": "line 1", ":$2y$04$abcdefghijklmnopqrstuuu": "line 1", "anna:$2y$31$" + strings.Repeat("a", 53): "cost of 31",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenAuth(path, nil); !errors.Is(err, ErrAuthFile) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := OpenAuth(path+".nosuch", nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{"", "8080", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "unix:", "[::1", "http://127.0.0.1:0"} {
		if l, err := Listen(Address{Listen: text}); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", text, err)
			if err == nil {
				l.Close()
			}
		}
	}
	for _, text := range []string{"127.0.0.1:0", "localhost:0", "127.1.2.3:0"} {
		l, err := Listen(Address{Listen: text})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if host := strings.TrimSuffix(strings.TrimPrefix(l.URL(), "http://"), "/"); !l.knows(host) {
			t.Errorf("%s: the address that it prints, %s, is not answered", text, l.URL())
		}
		l.Close()
	}
	taken, err := Listen(Address{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Listen(Address{Listen: taken.Addr().String()}); err == nil || errors.Is(err, ErrAddress) {
		t.Error("an address twice:", err)
	}
}
