package serve

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Auth is who may look: an htpasswd file with bcrypt hashes, as `htpasswd -B` makes it. When the file
// changes it is read again, at the latest a second after; a change that cannot be read is logged, and what
// was there before still counts.
type Auth struct {
	path string
	log  *slog.Logger
	key  [32]byte // of this process, for passed

	mu      sync.Mutex
	users   map[string][]byte
	stamp   fileStamp
	checked time.Time
	passed  map[[32]byte]bool // user and password that were right, so that not each request costs a bcrypt

	comparing chan struct{}
	compared  atomic.Int64 // bcrypts so far
}

type fileStamp struct {
	changed time.Time
	size    int64
}

const (
	maxPassed = 1024
	maxCost   = 15 // of bcrypt: a second or two
	comparers = 2  // at once: wrong passwords must not take the machine
)

// ErrAuthFile is an auth file that this program cannot use.
var ErrAuthFile = errors.New("the auth file must have lines USER:HASH with bcrypt hashes; htpasswd -B makes them")

// OpenAuth reads the file.
func OpenAuth(path string, log *slog.Logger) (*Auth, error) {
	a := &Auth{path: path, log: log, comparing: make(chan struct{}, comparers)}
	rand.Read(a.key[:]) // never fails
	users, stamp, err := readUsers(path)
	if err != nil {
		return nil, err
	}
	a.users, a.stamp, a.checked, a.passed = users, stamp, time.Now(), map[[32]byte]bool{}
	return a, nil
}

func readUsers(path string) (map[string][]byte, fileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileStamp{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fileStamp{}, err
	}
	users := map[string][]byte{}
	n := 0
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, hash, _ := strings.Cut(line, ":")
		cost, err := bcrypt.Cost([]byte(hash))
		if user == "" || err != nil {
			return nil, fileStamp{}, fmt.Errorf("%s: line %d: %w", path, n, ErrAuthFile)
		}
		if cost > maxCost {
			return nil, fileStamp{}, fmt.Errorf("%s: line %d: a cost of %d is too much, at most %d: %w", path, n, cost, maxCost, ErrAuthFile)
		}
		users[user] = []byte(hash)
	}
	if len(users) == 0 {
		return nil, fileStamp{}, fmt.Errorf("%s: no users: %w", path, ErrAuthFile)
	}
	return users, fileStamp{info.ModTime(), info.Size()}, nil
}

// current is the users now, after a look whether the file has changed.
func (a *Auth) current() map[string][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.checked) < time.Second {
		return a.users
	}
	a.checked = time.Now()
	info, err := os.Stat(a.path)
	if err == nil && a.stamp == (fileStamp{info.ModTime(), info.Size()}) {
		return a.users
	}
	var users map[string][]byte
	var stamp fileStamp
	if err == nil {
		users, stamp, err = readUsers(a.path)
	}
	if err != nil {
		a.log.Warn("the auth file cannot be read; the old one still counts", "err", err)
		return a.users
	}
	a.users, a.stamp, a.passed = users, stamp, map[[32]byte]bool{}
	return users
}

// allows says whether user and password are right. It takes as long for a user that there is not.
func (a *Auth) allows(r *http.Request, user, password string) bool {
	users := a.current()
	mac := hmac.New(sha256.New, a.key[:])
	fmt.Fprintf(mac, "%d:%s:%s", len(user), user, password)
	proof := [32]byte(mac.Sum(nil))
	a.mu.Lock()
	passed := a.passed[proof]
	a.mu.Unlock()
	if passed {
		return true
	}
	hash, known := users[user]
	if !known {
		for _, hash = range users { // of anybody, for the time that it takes
			break
		}
	}
	select {
	case a.comparing <- struct{}{}:
		defer func() { <-a.comparing }()
	case <-r.Context().Done():
		return false
	}
	a.compared.Add(1)
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !known {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.passed) >= maxPassed {
		clear(a.passed)
	}
	if string(a.users[user]) == string(hash) { // still
		a.passed[proof] = true
	}
	return true
}

// authorised says whether a request may be answered.
func (s *Server) authorised(r *http.Request) bool {
	if s.auth == nil {
		return true
	}
	user, password, ok := r.BasicAuth()
	return ok && s.auth.allows(r, user, password)
}
