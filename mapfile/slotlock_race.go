//go:build race

package mapfile

import "sync"

type slotLock = sync.Mutex
