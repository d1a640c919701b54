//go:build !unix

package main

import "errors"

// touchBeyond: a mapped file cannot be cut here.
func touchBeyond(string) error { return errors.ErrUnsupported }
