package hbookcodec

// Annotations: hbook has a map[string]any; messages have fields for the labels, and for all others a
// list by ascending key.

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of mapfile.v1.Annotation.
const (
	annotationKey   = 1
	annotationValue = 2
)

// labelsOf returns the annotations that are labels. An empty text is none: fields cannot say it.
func labelsOf(ann hbook.Annotation, k *kind) (labels [numLabels]string, err error) {
	if len(ann) == 0 {
		return labels, nil
	}
	for i, key := range k.keys {
		if s, ok := ann[key].(string); ok && key != "" {
			if !utf8.ValidString(s) {
				return labels, fmt.Errorf("%w: annotation %q", errText, key)
			}
			labels[i] = s
		}
	}
	return labels, nil
}

// isLabel says whether the annotation lies in a field of its own.
func isLabel(k *kind, labels *[numLabels]string, key string) bool {
	i := slices.Index(k.keys[:], key)
	return i >= 0 && key != "" && labels[i] != ""
}

func appendAnnotations(dst []byte, ann hbook.Annotation, k *kind, labels *[numLabels]string) ([]byte, error) {
	if len(ann) == 0 {
		return dst, nil
	}
	n := 0
	for _, label := range labels {
		if label != "" {
			n++
		}
	}
	if n == len(ann) {
		return dst, nil // nothing but labels
	}
	var few [16]string // most have less: nothing is allocated
	keys := few[:0]
	for key := range ann {
		if !isLabel(k, labels, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		var err error
		if dst, err = appendAnnotation(dst, fieldAnnotation, key, ann[key], 0); err != nil {
			return nil, fmt.Errorf("hbook: annotation %q: %w", key, err)
		}
	}
	return dst, nil
}

func appendAnnotation(dst []byte, num protowire.Number, key string, v any, depth int) ([]byte, error) {
	if !utf8.ValidString(key) {
		return nil, errText
	}
	dst, start := openMessage(dst, num)
	dst = appendText(dst, annotationKey, key)
	dst, err := appendValue(dst, annotationValue, v, depth)
	if err != nil {
		return nil, err
	}
	return closeMessage(dst, start), nil
}

// readAnnotations makes ann what the payload src, already parsed as m, says.
func readAnnotations(src []byte, m *message, ann hbook.Annotation) error {
	labels := m.labels()
	if !m.annotated {
		src = nil // nothing to look for
	}
	if sameAnnotations(src, m.kind, &labels, ann) {
		return nil // the usual case when an object is read again: nothing is allocated
	}
	clear(ann)
	for i, label := range labels {
		if key := m.kind.keys[i]; key != "" && len(label) > 0 {
			ann[key] = string(label)
		}
	}
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return err
		}
		if src = rest; f.num != fieldAnnotation || f.typ != protowire.BytesType {
			continue
		}
		if err := readAnnotation(f.body, ann, 0); err != nil {
			return fmt.Errorf("hbook: annotations: %w", err)
		}
	}
	return nil
}

// sameAnnotations says whether ann is surely what src says already. It knows texts and the most usual
// numbers only, and keys that ascend, so that none counts twice.
func sameAnnotations(src []byte, k *kind, labels *[numLabels][]byte, ann hbook.Annotation) bool {
	n := 0
	for i, label := range labels {
		if key := k.keys[i]; key != "" && len(label) > 0 {
			if s, ok := ann[key].(string); !ok || s != string(label) {
				return false
			}
			n++
		}
	}
	var last []byte
	for first := true; len(src) > 0; {
		f, rest, err := nextField(src)
		if err != nil {
			return false
		}
		if src = rest; f.num != fieldAnnotation || f.typ != protowire.BytesType {
			continue
		}
		key, value, err := splitAnnotation(f.body)
		if err != nil || !first && string(key) <= string(last) || slices.Contains(k.keys[:], string(key)) {
			return false
		}
		if !sameValue(value, ann[string(key)]) {
			return false
		}
		last, first = key, false
		n++
	}
	return n == len(ann)
}

func sameValue(src []byte, v any) bool {
	if len(src) == 0 {
		return false
	}
	f, rest, err := nextField(src)
	if err != nil || len(rest) > 0 {
		return false
	}
	switch v := v.(type) {
	case string:
		return f.num == valueText && f.typ == protowire.BytesType && string(f.body) == v && utf8.ValidString(v)
	case float64:
		return f.num == valueReal && f.typ == protowire.Fixed64Type && f.bits == math.Float64bits(v)
	case int:
		return f.num == valueInteger && f.typ == protowire.VarintType && protowire.DecodeZigZag(f.bits) == int64(v)
	case bool:
		return f.num == valueFlag && f.typ == protowire.VarintType && protowire.DecodeBool(f.bits) == v
	}
	return false
}

// splitAnnotation returns key and value of a mapfile.v1.Annotation.
func splitAnnotation(src []byte) (key, value []byte, err error) {
	var joined pieces
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return nil, nil, err
		}
		switch src = rest; {
		case f.num == annotationKey:
			if err := setText(&key, f); err != nil {
				return nil, nil, err
			}
		case f.num == annotationValue && f.typ == protowire.BytesType:
			joined.add(f.body)
		}
	}
	return key, joined.raw, nil
}

func readAnnotation(src []byte, into map[string]any, depth int) error {
	key, raw, err := splitAnnotation(src)
	if err != nil {
		return err
	}
	v, err := readValue(raw, depth)
	if err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	into[string(key)] = v
	return nil
}
