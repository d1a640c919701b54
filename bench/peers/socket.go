package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// socket is a server in the producer: over a Unix socket a reader sends the number of a slot and gets its
// value, or sends allSlots and gets all of them in one answer. Both sides know the sizes.
type socket struct{}

const allSlots = 1<<32 - 1

func (socket) create(dir string, sizes []int) (publisher, error) {
	listener, err := listen(dir)
	if err != nil {
		return nil, err
	}
	s := &socketServer{newServed(sizes), listener}
	go s.accept()
	return s, nil
}

type socketServer struct {
	*served
	listener net.Listener
}

func (s *socketServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		go s.answer(conn)
	}
}

// answer answers one reader until it goes.
func (s *socketServer) answer(conn net.Conn) {
	defer conn.Close()
	var buf []byte
	for {
		var request [4]byte
		if _, err := io.ReadFull(conn, request[:]); err != nil {
			return
		}
		first := int(binary.LittleEndian.Uint32(request[:]))
		last := first
		if first == allSlots {
			first, last = 0, len(s.slots)-1
		}
		for slot := first; slot <= last; slot++ {
			var err error
			if buf, err = s.appendTo(buf, slot); err != nil {
				return
			}
			if len(buf) < 256<<10 && slot < last {
				continue
			}
			if _, err := conn.Write(buf); err != nil {
				return
			}
			buf = buf[:0]
		}
	}
}

func (s *socketServer) close() error { return s.listener.Close() }

func (socket) open(dir string, _ []int) (reader, error) {
	conn, err := net.Dial("unix", socketIn(dir))
	if err != nil {
		return nil, err
	}
	return &socketReader{conn, bufio.NewReaderSize(conn, 64<<10)}, nil
}

type socketReader struct {
	conn net.Conn
	in   *bufio.Reader
}

func (r *socketReader) ask(what int) error {
	_, err := r.conn.Write(binary.LittleEndian.AppendUint32(nil, uint32(what)))
	return err
}

func (r *socketReader) read(slot int, buf []byte) error {
	if err := r.ask(slot); err != nil {
		return err
	}
	_, err := io.ReadFull(r.in, buf)
	return err
}

func (r *socketReader) readAll(bufs [][]byte) error {
	if err := r.ask(allSlots); err != nil {
		return err
	}
	for _, buf := range bufs {
		if _, err := io.ReadFull(r.in, buf); err != nil {
			return errors.Join(errors.New("the producer's answer ends early"), err)
		}
	}
	return nil
}

func (r *socketReader) close() error { return r.conn.Close() }
