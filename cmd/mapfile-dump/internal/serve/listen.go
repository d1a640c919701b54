package serve

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Address is where to listen.
type Address struct {
	Listen   string // host:port, or unix:PATH
	Cert     string // files of a certificate and its key: TLS; or neither
	Key      string
	Auth     bool // requests need a password
	Insecure bool // beyond loopback with neither
}

// A Listener is a listener that knows how it is reached.
type Listener struct {
	net.Listener
	tls   *tls.Config // nil: none
	url   string
	hosts map[string]bool // names in Host that are answered; nil: all
	port  string
	usual string // port where Host has none
	ips   bool   // any IP address is answered, too
}

// The errors of Listen that the command line is to blame for.
var (
	ErrAddress = errors.New("want an address such as 127.0.0.1:0, :8443 or unix:PATH")
	ErrRefused = errors.New("refusing to listen beyond loopback: give --tls-cert and --tls-key, or --auth-file, or --insecure")
)

// Listen begins to listen. Beyond loopback it refuses to without TLS, password or leave.
func Listen(a Address) (*Listener, error) {
	var config *tls.Config
	if a.Cert != "" {
		pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate and key: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	if path, ok := strings.CutPrefix(a.Listen, "unix:"); ok {
		l, err := listenUnix(path)
		if err != nil {
			return nil, err
		}
		return &Listener{Listener: l, tls: config, url: a.Listen}, nil
	}
	host, port, err := net.SplitHostPort(a.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	addr, err := net.ResolveTCPAddr("tcp", a.Listen)
	if err != nil {
		var missing *net.DNSError
		if errors.As(err, &missing) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	loopback := addr.IP.IsLoopback()
	if !loopback && config == nil && !a.Auth && !a.Insecure {
		return nil, ErrRefused
	}
	tcp, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, err
	}
	port = strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port)
	l := &Listener{Listener: tcp, tls: config, port: port, usual: "80"}
	own, _ := os.Hostname()
	shown := host
	switch {
	case loopback:
		shown = addr.IP.String()
	case addr.IP == nil || addr.IP.IsUnspecified(): // on all addresses
		shown = own
	}
	if config == nil && !a.Auth {
		l.hosts = map[string]bool{"localhost": true}
		for _, name := range []string{"127.0.0.1", "::1", shown} {
			l.hosts[strings.ToLower(name)] = true
		}
		l.ips = !loopback
	}
	scheme := "http"
	if config != nil {
		scheme, l.usual = "https", "443"
	}
	l.url = scheme + "://" + net.JoinHostPort(shown, port) + "/"
	return l, nil
}

// limited is the listener to serve, with at most n connections at once.
func (l *Listener) limited(n int) net.Listener {
	limited := limited(l.Listener, n)
	if l.tls == nil {
		return limited
	}
	return tls.NewListener(limited, l.tls)
}

// URL is where a browser finds the page; for a unix socket unix:PATH.
func (l *Listener) URL() string { return l.url }

// knows says whether a request's Host is one that we answer to. It is what stands against DNS rebinding:
// a page of another site whose name was made to point to this address still sends that name. Where
// there is TLS or a password such a page has neither certificate nor password, and every name will do;
// so does it on a unix socket, which no page can reach.
func (l *Listener) knows(host string) bool {
	if l.hosts == nil {
		return true
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), l.usual
	}
	if name == "" || port != l.port {
		return false
	}
	if l.ips {
		if _, err := netip.ParseAddr(name); err == nil {
			return true
		}
	}
	return l.hosts[strings.ToLower(name)]
}

// listenUnix listens on a socket that is this user's alone. One that was left by a server that died is
// replaced.
func listenUnix(path string) (net.Listener, error) {
	if path == "" {
		return nil, ErrAddress
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSocket == 0:
		return nil, &fs.PathError{Op: "listen", Path: path, Err: fmt.Errorf("%w, and is no socket; give another path", fs.ErrExist)}
	default:
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			conn.Close()
			return nil, &fs.PathError{Op: "listen", Path: path, Err: errors.New("somebody listens there already; give another path")}
		} else if !isRefused(err) {
			return nil, err
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
