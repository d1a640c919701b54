//go:build !unix

package main

import "errors"

// canReadCarelessly: the control does not work here.
const canReadCarelessly = false

// readOldPlaces is the control of grow.
func (r *growReader) readOldPlaces(string) error { return errors.ErrUnsupported }
