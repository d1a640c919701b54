package registry_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/registry"
)

type (
	config  struct{ Limit int }
	event   struct{ N int }
	celsius float64
)

// named is a codec that takes any type. tag is there to make two of one name unequal.
type named struct{ name, tag string }

func (c named) Name() string                             { return c.name }
func (c named) Append(dst []byte, v any) ([]byte, error) { return dst, nil }
func (c named) Decode(src []byte, v any) error           { return nil }

// other has the same methods, as another Go type.
type other struct{ named }

// picky refuses every type.
type picky struct{ named }

func (picky) Check(reflect.Type) error { return errors.New("field .Limit: not today") }

func funcCodec[T any](name string) codec.Codec {
	return codec.Func(name, func(dst []byte, v *T) ([]byte, error) { return dst, nil }, func(src []byte, v *T) error { return nil })
}

// Two names with the same FNV-1a hash of 64 bits.
const collideA, collideB = "8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"

// G14: each registration after {config, "shop.Config", codec "c"}, and what its error says.
func TestConflictsNameBothSides(t *testing.T) {
	var c codec.Codec = named{"c", ""}
	for _, tt := range []struct {
		what  string
		do    func(r *registry.Registry) error
		taken bool
		says  []string
	}{
		{"the same again", func(r *registry.Registry) error { return registry.RegisterIn[config](r, "shop.Config", c) }, false, nil},
		{"another type, same codec", func(r *registry.Registry) error { return registry.RegisterIn[event](r, "shop.Event", c) }, false, nil},
		{"two types, one name", func(r *registry.Registry) error { return registry.RegisterIn[event](r, "shop.Config", c) }, true,
			[]string{"registry_test.event", `"shop.Config"`, "registry_test.config"}},
		{"one type, two names", func(r *registry.Registry) error { return registry.RegisterIn[config](r, "shop.Settings", c) }, true,
			[]string{"registry_test.config", `"shop.Settings"`, `"shop.Config"`}},
		{"another codec", func(r *registry.Registry) error {
			return registry.RegisterIn[config](r, "shop.Config", named{"d", ""})
		}, true, []string{"registry_test.config", `codec "c"`}},
		{"another codec of that name", func(r *registry.Registry) error {
			return registry.RegisterIn[config](r, "shop.Config", other{named{"c", ""}})
		}, true,
			[]string{"shop.Config", `codec "c"`}},
		{"two codecs, one name", func(r *registry.Registry) error {
			return registry.RegisterIn[event](r, "shop.Event", other{named{"c", ""}})
		}, true,
			[]string{`"c"`, "registry_test.named", "registry_test.other"}},
		{"unequal codecs, one name", func(r *registry.Registry) error { return registry.RegisterIn[event](r, "shop.Event", named{"c", "x"}) }, true,
			[]string{`"c"`, "registry_test.named"}},
		{"two Funcs, one name", func(r *registry.Registry) error {
			if err := registry.RegisterIn[event](r, "e", funcCodec[event]("f")); err != nil {
				return err
			}
			return registry.RegisterIn[celsius](r, "c", funcCodec[celsius]("f"))
		}, true, []string{`"f"`, "event", "celsius"}},
		{"a codec named basic", func(r *registry.Registry) error { return r.AddCodec(named{"basic", ""}) }, true, []string{`"basic"`, "registry_test.named"}},
		{"a pointer", func(r *registry.Registry) error { return registry.RegisterIn[*event](r, "shop.Event", c) }, false,
			[]string{"*registry_test.event", "pointer", "register registry_test.event"}},
		{"a pointer to what is registered", func(r *registry.Registry) error { return registry.RegisterIn[*config](r, "p", c) }, false,
			[]string{"*registry_test.config", "pointer"}},
		{"an interface", func(r *registry.Registry) error { return registry.RegisterIn[error](r, "e", c) }, false, []string{"error", "interface"}},
		{"a basic type", func(r *registry.Registry) error { return registry.RegisterIn[float64](r, "f", c) }, true, []string{"float64", "basic"}},
		{"a basic type's name", func(r *registry.Registry) error { return registry.RegisterIn[celsius](r, "float64", c) }, true, []string{"celsius", `"float64"`, "basic"}},
		{"a named number", func(r *registry.Registry) error { return registry.RegisterIn[celsius](r, "lab.Celsius", c) }, false, nil},
		{"colliding hashes", func(r *registry.Registry) error {
			if err := registry.RegisterIn[event](r, collideA, c); err != nil {
				return err
			}
			return registry.RegisterIn[celsius](r, collideB, c)
		}, true, []string{"celsius", collideA, collideB, "4eac0c95540867e4"}},
		{"a refused type", func(r *registry.Registry) error { return registry.RegisterIn[event](r, "e", picky{named{"picky", ""}}) }, false,
			[]string{"registry_test.event", `"picky"`, ".Limit: not today"}},
		{"no name", func(r *registry.Registry) error { return registry.RegisterIn[event](r, "", c) }, false, []string{"event", "255"}},
		{"a long name", func(r *registry.Registry) error { return registry.RegisterIn[event](r, strings.Repeat("n", 256), c) }, false, []string{"event", "255"}},
		{"no codec", func(r *registry.Registry) error { return registry.RegisterIn[event](r, "e", nil) }, false, []string{"event", "codec"}},
		{"a codec without a name", func(r *registry.Registry) error { return registry.RegisterIn[event](r, "e", named{}) }, false, []string{"event", "codec"}},
		{"AddCodec of nothing", func(r *registry.Registry) error { return r.AddCodec(nil) }, false, []string{"codec"}},
		{"AddCodec again", func(r *registry.Registry) error { return r.AddCodec(c) }, false, nil},
		{"AddResolver of nothing", func(r *registry.Registry) error { return r.AddResolver(nil) }, false, []string{"resolver"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			r := &registry.Registry{}
			if err := registry.RegisterIn[config](r, "shop.Config", c); err != nil {
				t.Fatal(err)
			}
			err := tt.do(r)
			if (err != nil) != (tt.says != nil) || errors.Is(err, registry.ErrTaken) != tt.taken {
				t.Fatalf("error %v; taken should be %v", err, tt.taken)
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q lacks %q", err, part)
				}
			}
			// Whatever failed, the first registration stands and nothing else came in.
			if ty, ok := r.ByName("shop.Config"); !ok || ty.Go != reflect.TypeFor[config]() || ty.Codec != c || ty.ID != registry.ID("shop.Config") {
				t.Errorf("%+v, %v", ty, ok)
			}
			if _, ok := r.ByName("shop.Settings"); ok {
				t.Error("a refused name is known")
			}
		})
	}
}

func TestRegisterPanicsWithTheError(t *testing.T) {
	defer func() {
		err, ok := recover().(error)
		if !ok || !strings.Contains(err.Error(), "int64") {
			t.Errorf("%v", err)
		}
	}()
	registry.Register[int64]("n", named{"c", ""})
}

func TestZeroValueHasTheBasicTypes(t *testing.T) {
	r := &registry.Registry{}
	for _, v := range []any{false, "", []byte(nil), int8(0), uint64(0), float32(0), []float64(nil)} {
		ty, ok := r.ByType(reflect.TypeOf(v))
		if !ok || ty.Codec != codec.Basic || ty.Name != reflect.TypeOf(v).String() {
			t.Errorf("%T: %+v", v, ty)
		}
		if back, ok := r.ByName(ty.Name); !ok || back != ty {
			t.Errorf("%T: by name %+v", v, back)
		}
		if err := ty.Codec.(codec.Checker).Check(ty.Go); err != nil {
			t.Error(err)
		}
	}
	for _, v := range []any{0, uint(0), celsius(0), []string(nil)} {
		if ty, ok := r.ByType(reflect.TypeOf(v)); ok {
			t.Errorf("%T is a basic type: %+v", v, ty)
		}
	}
	if c, ok := r.Codec("basic"); !ok || c != codec.Basic {
		t.Error("no codec basic")
	}
	if _, ok := r.Codec("msgpack"); ok {
		t.Error("a codec that nobody added")
	}
	if _, ok := r.ByType(nil); ok {
		t.Error("nil has a type")
	}
}

func TestPointersAnswerAsTheirTypes(t *testing.T) {
	r := &registry.Registry{}
	if err := registry.RegisterIn[config](r, "shop.Config", named{"c", ""}); err != nil {
		t.Fatal(err)
	}
	if ty, ok := r.ByType(reflect.TypeFor[*config]()); !ok || ty.Name != "shop.Config" {
		t.Errorf("%+v, %v", ty, ok)
	}
	if _, ok := r.ByType(reflect.TypeFor[**config]()); ok {
		t.Error("pointers to pointers are known")
	}
}

// family resolves one type under a name of its own.
type family struct {
	name string
	t    reflect.Type
}

func (f *family) ByName(name string) (registry.Type, bool) {
	return registry.Type{Name: f.name, Go: f.t, Codec: named{f.name, ""}}, name == f.name
}

func (f *family) ByType(t reflect.Type) (registry.Type, bool) {
	return registry.Type{Name: f.name, Go: f.t, Codec: named{f.name, ""}}, t == f.t
}

func TestRegisteredTypesComeBeforeResolversInOrder(t *testing.T) {
	r := &registry.Registry{}
	first, second := &family{"first", reflect.TypeFor[event]()}, &family{"second", reflect.TypeFor[event]()}
	for _, res := range []*family{first, second, first} {
		if err := r.AddResolver(res); err != nil {
			t.Fatal(err)
		}
	}
	if ty, _ := r.ByType(reflect.TypeFor[event]()); ty.Name != "first" || ty.ID != registry.ID("first") {
		t.Errorf("%+v", ty)
	}
	if ty, ok := r.ByName("second"); !ok || ty.ID != registry.ID("second") {
		t.Errorf("%+v", ty)
	}
	if err := registry.RegisterIn[event](r, "own", named{"own", ""}); err != nil {
		t.Fatal(err)
	}
	if ty, _ := r.ByType(reflect.TypeFor[event]()); ty.Name != "own" {
		t.Errorf("%+v", ty)
	}
	if ty, ok := r.ByName("first"); !ok || ty.Go != reflect.TypeFor[event]() {
		t.Errorf("resolvers still know their names: %+v", ty)
	}
}

func TestAllIsSortedAndComplete(t *testing.T) {
	r := &registry.Registry{}
	if err := registry.RegisterIn[config](r, "a.Config", named{"c", ""}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for ty := range r.All() {
		names = append(names, ty.Name)
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "a.Config") || !slices.Contains(names, "[]float64") || len(names) != 23 {
		t.Errorf("%d: %q", len(names), names)
	}
}

// G28: everything at once, from the first use on.
func TestConcurrentUse(t *testing.T) {
	r := &registry.Registry{}
	var c codec.Codec = named{"c", ""}
	var wg sync.WaitGroup
	for g := range 100 {
		wg.Go(func() {
			errs := []error{
				registry.RegisterIn[config](r, "shop.Config", c), r.AddCodec(named{fmt.Sprint("own", g), ""}),
				r.AddResolver(&family{fmt.Sprint("family", g), reflect.TypeFor[event]()}),
			}
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
			if g%2 == 0 { // one of the two names wins, for ever
				_ = registry.RegisterIn[celsius](r, "lab.Celsius", c)
			} else {
				_ = registry.RegisterIn[celsius](r, "lab.Temperature", c)
			}
			first, ok := r.ByType(reflect.TypeFor[celsius]())
			for range r.All() {
			}
			again, _ := r.ByType(reflect.TypeFor[celsius]())
			if !ok || first != again {
				t.Errorf("%+v, then %+v", first, again)
			}
			if _, ok := r.ByName(fmt.Sprint("family", g)); !ok {
				t.Error("own resolver is not asked")
			}
			if _, ok := r.Codec(fmt.Sprint("own", g)); !ok {
				t.Error("own codec is not found")
			}
		})
	}
	wg.Wait()
}
