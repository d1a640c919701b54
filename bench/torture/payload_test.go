package main

import "testing"

func TestPayloadCheckFindsDamage(t *testing.T) {
	for _, n := range []int{8, 9, 16, 39, 40, 41, 64, 1000, 5000} {
		s := stamp{Number: 77, Commit: 5, Slot: 3}
		p := makePayload(nil, n, s)
		got, err := checkPayload(p, 3)
		if n < stampLen {
			s.Commit = 0
		}
		if err != nil || got != s || len(p) != n {
			t.Fatal(n, got, err)
		}
		if _, err := checkPayload(p, 4); err == nil {
			t.Errorf("%d bytes: of another slot, not noticed", n)
		}
		for i := range p {
			p[i] ^= 1
			if _, err := checkPayload(p, 3); err == nil {
				t.Fatalf("%d bytes: a changed byte %d is not noticed", n, i)
			}
			p[i] ^= 1
		}
		other := makePayload(nil, n, stamp{Number: 78, Commit: 5, Slot: 3})
		for cut := 1; cut < n; cut++ {
			mixed := append(append([]byte(nil), p[:cut]...), other[cut:]...)
			if string(mixed) == string(p) || string(mixed) == string(other) {
				continue
			}
			if _, err := checkPayload(mixed, 3); err == nil {
				t.Fatalf("%d bytes: a mixture at %d is not noticed", n, cut)
			}
		}
	}
}
