package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/serve"
)

// The command serve: the files in a browser.

type serveFlags struct {
	listen, cert, key, auth string
	insecure                bool
	maxRate                 rate
}

func newServe(t *tool) *cobra.Command {
	flags := serveFlags{maxRate: 10}
	cmd := &cobra.Command{
		Use:   "serve [FILE…|DIR]",
		Short: "the same in a browser",
		Long: `Serve shows the files in a browser: a page with their slots, histograms drawn live, a JSON API, what
JSROOT asks for, and metrics for Prometheus. Its address is the first line on stdout, and the only one.

It only reads, and listens on this machine only, where every user and program of the machine can look.
unix:PATH is for this user alone. Beyond loopback it wants a certificate, or passwords, or --insecure.
It stays until it is told to end.`,
		Example: `  mapfile-dump serve
  mapfile-dump serve hits checkout --listen 127.0.0.1:8080
  mapfile-dump serve /dev/shm/run1 --listen :8443 --tls-cert cert.pem --tls-key key.pem --auth-file users
  mapfile-dump serve --listen unix:/run/user/1000/mapfile.sock`,
		Annotations:       map[string]string{annotStays: "", annotNoMatch: ""},
		ValidArgsFunction: t.completeFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return t.serve(args, &flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.listen, "listen", "127.0.0.1:0", "`ADDR`: host:port (port 0: any that is free) or unix:PATH")
	f.StringVar(&flags.cert, "tls-cert", "", "`FILE` with the certificate, and those above it, PEM")
	f.StringVar(&flags.key, "tls-key", "", "`FILE` with its key, PEM")
	f.StringVar(&flags.auth, "auth-file", "", "`FILE` of users and passwords: htpasswd, bcrypt")
	f.BoolVar(&flags.insecure, "insecure", false, "allow ADDR beyond loopback without them")
	f.Var(&flags.maxRate, "max-rate", "updates of a slot a second to a browser, at most `HZ`")
	return cmd
}

func (t *tool) serve(operands []string, flags *serveFlags) error {
	if (flags.cert == "") != (flags.key == "") {
		return usagef("serve: --tls-cert and --tls-key go together")
	}
	log := slog.New(slog.NewTextHandler(t.stderr, nil))
	var auth *serve.Auth
	if flags.auth != "" {
		var err error
		if auth, err = serve.OpenAuth(flags.auth, log); err != nil {
			return asUsage(err, serve.ErrAuthFile)
		}
	}
	set, picture, err := t.viewed(operands)
	if err != nil {
		return err
	}
	defer set.Close()
	listener, err := serve.Listen(serve.Address{
		Listen: flags.listen, Cert: flags.cert, Key: flags.key, Auth: auth != nil, Insecure: flags.insecure,
	})
	if err != nil {
		return asUsage(err, serve.ErrAddress, serve.ErrRefused)
	}
	defer listener.Close()
	for _, fault := range picture.Faults {
		t.note(t.faultText(fault)) // the others are served
	}
	server := serve.New(serve.Config{Set: set, Picture: picture, Describe: t.faultText, Log: log, Auth: auth, MaxRate: float64(flags.maxRate)})
	defer server.Close()
	t.out.printf("%s\n", listener.URL())
	if err := t.out.Flush(); err != nil {
		return err
	}
	return server.Serve(t.ctx, listener)
}

// asUsage makes errors of these kinds usage errors.
func asUsage(err error, kinds ...error) error {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return &usageError{err.Error()}
		}
	}
	return err
}

// rate is a flag's value: a number of times a second.
type rate float64

func (r *rate) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }
func (*rate) Type() string     { return "rate" }
func (r *rate) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) || v > 1000 {
		return fmt.Errorf("want a number of times a second, above 0 and at most 1000")
	}
	*r = rate(v)
	return nil
}
