//go:build !unix

package main

import "errors"

// killTwins is the control of kill.
func (p *proof) killTwins(int) error { return errors.ErrUnsupported }
