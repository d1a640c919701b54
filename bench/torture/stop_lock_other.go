//go:build !unix

package main

import "errors"

func newFileLocker(string) locker { panic(errors.ErrUnsupported) }
