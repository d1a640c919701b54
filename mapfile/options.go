package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/registry"
)

// Option is for opening.
type Option interface{ file(*config) }

// SlotOption is for Add; given at opening it is the default of every Add (a title: of the file).
// An option that the call has no use for is an error.
type SlotOption interface {
	Option
	slot(*slotConfig)
}

// config is what the options of an opening say.
type config struct {
	mode        fs.FileMode
	modeGiven   bool
	size        int64
	maxSize     int64
	registry    *registry.Registry
	heartbeat   time.Duration
	lockTimeout time.Duration
	follow      bool
	noCheck     bool
	logger      *slog.Logger
	title       string
	slots       slotConfig // the default of every Add
	given       []string   // options that only a producer, or only a reader, has a use for
	errs        []error
}

// slotConfig is what the options of an Add say.
type slotConfig struct {
	locker   sync.Locker
	title    string
	hasTitle bool
	codec    codec.Codec
	capacity int
	buffers  int
	errs     []error
}

const (
	defaultHeartbeat   = time.Second
	defaultLockTimeout = 2 * time.Second
)

type openMode int

const (
	modeRead openMode = iota
	modeJoin
	modeCreate
	modeRecreate
)

// newConfig applies the options and refuses those that this way of opening has no use for.
func newConfig(mode openMode, opts []Option) (*config, error) {
	c := &config{
		mode: 0o600, registry: registry.Default,
		heartbeat: defaultHeartbeat, lockTimeout: defaultLockTimeout, logger: slog.New(slog.DiscardHandler),
	}
	for _, o := range opts {
		if o == nil {
			c.errs = append(c.errs, errors.New("a nil option"))
			continue
		}
		o.file(c)
	}
	for _, name := range c.given {
		if forReaders := name == "WithFollow"; forReaders != (mode == modeRead) {
			c.errs = append(c.errs, fmt.Errorf("%s has no use here: it is for %s", name,
				map[bool]string{true: "Open", false: "producers"}[forReaders]))
		}
	}
	c.errs = append(c.errs, c.slots.errs...)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return c, nil
}

type fileOption func(*config)

func (o fileOption) file(c *config) { o(c) }

type bothOption struct {
	name string
	set  func(*slotConfig)
}

func (o bothOption) file(c *config)     { c.given = append(c.given, o.name); o.set(&c.slots) }
func (o bothOption) slot(s *slotConfig) { o.set(s) }

// WithLocker makes Update hold l while it encodes the object, and never while it waits. Slots with
// the same l are encoded under one hold of it, and so are consistent with one another; different
// ones are taken one after another. Nobody may call Update holding l. For a sync.RWMutex, give
// RLocker(). Nothing else is ever locked, also when the object has a Lock method.
func WithLocker(l sync.Locker) SlotOption {
	return bothOption{"WithLocker", func(s *slotConfig) {
		if s.locker = l; l == nil || !reflect.TypeOf(l).Comparable() {
			s.errs = append(s.errs, fmt.Errorf("WithLocker(%T): a pointer to a lock is needed", l))
		}
	}}
}

// WithTitle gives a title for people: "title;x axis;y axis". At opening it is the file's.
func WithTitle(title string) SlotOption { return titleOption(title) }

type titleOption string

func (o titleOption) file(c *config) {
	c.given = append(c.given, "WithTitle")
	c.title = string(o)
	if len(o) > layout.MaxFileTitle {
		c.errs = append(c.errs, fmt.Errorf("the file's title has %d bytes; %d is the limit", len(o), layout.MaxFileTitle))
	}
}

func (o titleOption) slot(s *slotConfig) {
	s.title, s.hasTitle = string(o), true
	if len(o) > layout.MaxTitleLen {
		s.errs = append(s.errs, fmt.Errorf("the title has %d bytes; %d is the limit", len(o), layout.MaxTitleLen))
	}
}

// WithCodec encodes with c instead of the codec that the type is registered with. Readers find the
// codec by its name.
func WithCodec(c codec.Codec) SlotOption {
	return bothOption{"WithCodec", func(s *slotConfig) {
		if s.codec = c; c == nil || c.Name() == "" || len(c.Name()) > layout.MaxCodecLen {
			s.errs = append(s.errs, errors.New("WithCodec needs a codec whose name has 1 to 255 bytes"))
		}
	}}
}

// WithCapacity reserves room for payloads of that many bytes at first; slots grow.
func WithCapacity(bytes int) SlotOption {
	return bothOption{"WithCapacity", func(s *slotConfig) {
		if s.capacity = bytes; bytes < 0 || bytes > layout.MaxPayload {
			s.errs = append(s.errs, fmt.Errorf("capacity %d is not in 0..%d", bytes, layout.MaxPayload))
		}
	}}
}

// WithBuffers gives the slot k buffers, 2 to 16, instead of a number by its capacity: 8 up to 16 KiB,
// 4 up to 256 KiB, 3 up to 1 MiB, 2 above. More cost memory and disturb the writer less; 3 will do for
// values that are published a few times a second.
func WithBuffers(k int) SlotOption {
	return bothOption{"WithBuffers", func(s *slotConfig) {
		if s.buffers = k; k < layout.MinK || k > layout.MaxK {
			s.errs = append(s.errs, fmt.Errorf("%d buffers: a slot has %d to %d", k, layout.MinK, layout.MaxK))
		}
	}}
}

func producerOption(name string, set func(*config)) Option {
	return fileOption(func(c *config) { c.given = append(c.given, name); set(c) })
}

// WithMode makes the file with just these permissions, whatever the umask; 0600 if not given, and
// Recreate keeps those of the file it replaces.
func WithMode(perm fs.FileMode) Option {
	return producerOption("WithMode", func(c *config) {
		if c.mode, c.modeGiven = perm, true; perm&^fs.ModePerm != 0 {
			c.errs = append(c.errs, fmt.Errorf("mode %v: only permission bits", perm))
		}
	})
}

// WithSize makes the file that large at first; files grow.
func WithSize(bytes int64) Option {
	return producerOption("WithSize", func(c *config) {
		if c.size = bytes; bytes < 0 || bytes > layout.MaxFileLen {
			c.errs = append(c.errs, fmt.Errorf("size %d is not in 0..%d", bytes, int64(layout.MaxFileLen)))
		}
	})
}

// WithMaxSize makes growth beyond that size an ErrFull, for this handle.
func WithMaxSize(bytes int64) Option {
	return producerOption("WithMaxSize", func(c *config) {
		if c.maxSize = bytes; bytes <= 0 {
			c.errs = append(c.errs, fmt.Errorf("maximal size %d is not positive", bytes))
		}
	})
}

// WithRegistry uses r instead of registry.Default.
func WithRegistry(r *registry.Registry) Option {
	return fileOption(func(c *config) {
		if c.registry = r; r == nil {
			c.errs = append(c.errs, errors.New("WithRegistry(nil)"))
		}
	})
}

// WithHeartbeat sets how often a producer shows that it runs; once a second if not given. Readers
// call it stalled after three beats.
func WithHeartbeat(every time.Duration) Option {
	return producerOption("WithHeartbeat", func(c *config) {
		if c.heartbeat = every; every < time.Millisecond {
			c.errs = append(c.errs, fmt.Errorf("heartbeat %v: at least a millisecond", every))
		}
	})
}

// WithLockTimeout sets how long a call waits for others' short structural locks before it is
// ErrLocked; 2 s if not given. Updates wait for nobody, except when their slot must grow.
func WithLockTimeout(d time.Duration) Option {
	return producerOption("WithLockTimeout", func(c *config) {
		if c.lockTimeout = d; d < 0 {
			c.errs = append(c.errs, fmt.Errorf("lock timeout %v is negative", d))
		}
	})
}

// WithFollow makes a reader go on with the file that a Recreate put in its place, or that appears
// after a removal.
func WithFollow() Option {
	return fileOption(func(c *config) { c.given = append(c.given, "WithFollow"); c.follow = true })
}

// WithoutCheck makes reads into a *Raw skip the checksum, and a producer publish payloads without one;
// then headers still have theirs, and the file says which payloads have none. The sequence protocol alone
// excludes torn values; the checksum finds stray writes and bad memory. After the machine went down, a
// value without one cannot be shown to be whole, and is reported as damaged.
func WithoutCheck() Option {
	return fileOption(func(c *config) { c.noCheck = true })
}

// WithLogger logs take-overs, recoveries and fallbacks; silent if not given.
func WithLogger(l *slog.Logger) Option {
	return fileOption(func(c *config) {
		if l != nil {
			c.logger = l
		}
	})
}
