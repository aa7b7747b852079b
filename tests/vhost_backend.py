# SPDX-License-Identifier: GPL-2.0-only
"""A vhost-user-blk backend that answers wrongly on request: tests/vhost.py starts it, tells it what to do with a line
of JSON on its standard input, and gets a line of JSON for each. It ends with its input.

It does requests in the order of the ring. So after it was killed the ring's used index tells the next one where to go
on, and QEMU needs no record of what is in flight.

The protocol: docs/interop/vhost-user.rst of QEMU.
"""

import json
import mmap
import os
import selectors
import signal
import socket
import struct
import sys
from collections import Counter

from tests.vhost_ring import Memory, Ring
from tests.vhost_store import SECTOR, Store

(GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE,
 SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM,
 SET_VRING_ENABLE, SET_BACKEND_REQ_FD, GET_CONFIG, SET_CONFIG) = (
     1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 24, 25)
CONFIG_CHANGED = 2      # to QEMU
VERSION, REPLY, NEED_REPLY = 1, 4, 8
HEADER = struct.Struct('<III')
STATE = struct.Struct('<II')
NO_FD = 0x100

PROTOCOL_FEATURES = sum(1 << bit for bit in (0, 3, 5, 9))       # MQ, REPLY_ACK, BACKEND_REQ, CONFIG
SEG_MAX, BLK_SIZE, FLUSH, MQ, INDIRECT_DESC, PROTOCOL, VERSION_1 = 2, 6, 9, 12, 28, 30, 32
QUEUES = 4

# struct virtio_blk_config, up to num_queues.
CONFIG = {'capacity': 'Q', 'size_max': 'I', 'seg_max': 'I', 'cylinders': 'H', 'heads': 'B', 'sectors': 'B',
          'blk_size': 'I', 'physical_block_exp': 'B', 'alignment_offset': 'B', 'min_io_size': 'H', 'opt_io_size': 'I',
          'wce': 'B', 'unused': 'B', 'num_queues': 'H'}
LAYOUT = struct.Struct('<' + ''.join(CONFIG.values()))

T_IN, T_OUT, T_FLUSH, T_GET_ID = 0, 1, 4, 8
S_OK, S_IOERR, S_UNSUPP = 0, 1, 2


class Backend:
    def __init__(self, path, image, serial, volatile=False, failing=False):
        self.store = Store(image, volatile)
        self.serial, self.failing = serial, failing
        self.features = sum(1 << bit for bit in (SEG_MAX, BLK_SIZE, FLUSH, MQ, INDIRECT_DESC, PROTOCOL, VERSION_1))
        self.config = {'capacity': self.store.size // SECTOR, 'seg_max': 126, 'blk_size': SECTOR}
        self.rings = [Ring() for _ in range(QUEUES)]
        self.memory = self.connection = self.to_qemu = None
        self.faults = []        # [[name, times left, requests to wait for]]
        self.held = False
        self.counts, self.violations = Counter(), []
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(1)
        self.watch(self.listener, self.accept)
        self.watch(sys.stdin, self.command)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                # What came before it may have closed it.
                if key.fileobj in self.selector.get_map():
                    key.data()

    def watch(self, file, function):
        self.selector.register(file, selectors.EVENT_READ, function)

    # the protocol

    def accept(self):
        connection, _ = self.listener.accept()
        if self.connection:
            self.disconnect()
        self.connection = connection
        self.watch(connection, self.message)

    def disconnect(self):
        self.selector.unregister(self.connection)
        self.connection.close()
        self.connection = None
        for ring in self.rings:
            self.set_kick(ring, None)
            self.close_call(ring)
            ring.stop()
            ring.enabled = False

    def message(self):
        try:
            header, fds, _, _ = socket.recv_fds(self.connection, HEADER.size, 16)
            request, flags, size = HEADER.unpack(header + self.receive(HEADER.size - len(header)))
            payload = self.receive(size)
        except OSError:
            self.disconnect()
            return
        answer = self.handle(request, payload, fds)
        if answer is None and flags & NEED_REPLY:
            answer = struct.pack('<Q', 0)
        if answer is not None:
            self.connection.sendall(HEADER.pack(request, VERSION | REPLY, len(answer)) + answer)

    def receive(self, size):
        data = b''
        while len(data) < size:
            more = self.connection.recv(size - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def handle(self, request, payload, fds):
        """Returns the payload of the answer, None if there is none."""
        if request == GET_FEATURES:
            return struct.pack('<Q', self.features)
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack('<Q', PROTOCOL_FEATURES)
        if request == GET_QUEUE_NUM:
            return struct.pack('<Q', QUEUES)
        if request == GET_CONFIG:
            offset, size, _ = struct.unpack_from('<III', payload)
            return payload[:12] + self.config_space(offset + size)[offset:]
        if request == SET_MEM_TABLE:
            self.map_memory(payload, fds)
        elif request == SET_BACKEND_REQ_FD:
            self.to_qemu = socket.socket(fileno=fds[0])
        elif request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
            self.set_fd(request, struct.unpack('<Q', payload)[0], fds)
        elif request == SET_VRING_ADDR:
            index, _, descriptors, used, available, _ = struct.unpack('<IIQQQQ', payload)
            self.rings[index].map(self.memory, descriptors, used, available)
        elif request in (SET_VRING_NUM, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_ENABLE):
            return self.set_state(request, *STATE.unpack(payload))
        elif request not in (SET_FEATURES, SET_PROTOCOL_FEATURES, SET_OWNER, SET_CONFIG):
            self.violations.append(f'QEMU sent message {request}')
        return None

    def config_space(self, size):
        return LAYOUT.pack(*(self.config.get(name, 0) for name in CONFIG)).ljust(size, b'\0')[:size]

    def map_memory(self, payload, fds):
        regions = []
        for number, fd in enumerate(fds):
            guest, size, user, offset = struct.unpack_from('<QQQQ', payload, 8 + 32 * number)
            view = memoryview(mmap.mmap(fd, offset + size))[offset:]
            os.close(fd)
            regions.append((guest, user, view))
        self.memory = Memory(regions)
        for ring in self.rings:
            if ring.addresses:
                ring.map(self.memory, *ring.addresses)

    def set_state(self, request, index, value):
        ring = self.rings[index]
        if request == SET_VRING_NUM:
            ring.size = value
        elif request == SET_VRING_BASE:
            ring.next = value
        elif request == SET_VRING_ENABLE:
            ring.enabled = bool(value)
            self.serve(ring)
        else:
            answer = STATE.pack(index, ring.stop())
            self.set_kick(ring, None)
            return answer
        return None

    def set_fd(self, request, value, fds):
        ring = self.rings[value & 0xff]
        fd = None if value & NO_FD else fds[0]
        if request == SET_VRING_KICK:
            self.set_kick(ring, fd)
            self.serve(ring)
        elif request == SET_VRING_CALL:
            self.close_call(ring)
            ring.call = fd
        elif fd is not None:
            os.close(fd)

    def set_kick(self, ring, fd):
        if ring.kick is not None:
            self.selector.unregister(ring.kick)
            os.close(ring.kick)
        ring.kick = fd
        if fd is not None:
            self.watch(fd, lambda: self.kicked(ring))

    @staticmethod
    def close_call(ring):
        if ring.call is not None:
            os.close(ring.call)
        ring.call = None

    # the ring

    def kicked(self, ring):
        os.eventfd_read(ring.kick)
        self.counts['kicks'] += 1
        self.serve(ring)

    def serve(self, ring):
        """Does what is available."""
        done = False
        try:
            while ring.started and not ring.mute and not self.held and (pending := ring.pending()):
                fault = self.fault(len(pending))
                if fault is None:
                    break
                done = True
                self.counts['requests'] += 1
                self.request(ring, ring.take(), fault, pending)
        except (ValueError, struct.error) as error:
            ring.mute = True
            self.violations.append(str(error))
        if done and ring.wants_interrupt():
            self.interrupt(ring)

    def interrupt(self, ring):
        if ring.call is not None:
            os.eventfd_write(ring.call, 1)
            self.counts['interrupts'] += 1

    def fault(self, pending):
        """The name of the fault to do now: '' for none, None to wait for more requests."""
        if not self.faults:
            return ''
        name, times, wanted = self.faults[0]
        if pending < wanted:
            return None
        self.faults[0][1] -= 1
        if times == 1:
            self.faults.pop(0)
        self.counts[name] += 1
        return name

    def request(self, ring, head, fault, pending):
        if fault == 'lose':
            return
        readable, writable = ring.chain(head)
        length = sum(map(len, writable))
        if fault == 'no_status':
            ring.push(head, length)
        elif fault == 'nothing':
            ring.push(head, 0)
        elif fault == 'bad_id':
            ring.push(ring.size, length)
        elif fault == 'not_in_flight':
            ring.push(next(number for number in range(ring.size) if number not in pending), length)
        else:
            status, filled = self.execute(b''.join(readable), writable)
            writable[-1][-1] = {'io_error': S_IOERR, 'bad_status': 77}.get(fault, status)
            ring.push(head, {'short_len': 0, 'long_len': 0xffffffff}.get(fault, filled + 1))
            if fault == 'duplicate':
                ring.push(head, filled + 1)
            elif fault == 'index_jump':
                ring.jump(ring.size)
        # The driver takes everything back: what else is in flight is not to be touched any more.
        ring.mute = fault in ('bad_id', 'not_in_flight', 'duplicate', 'index_jump')

    def execute(self, out, writable):
        """Does a request; returns (status, how many bytes were filled in)."""
        kind, _, sector = struct.unpack_from('<IIQ', out)
        data, start = out[16:], sector * SECTOR
        room = [*writable[:-1], writable[-1][:-1]]
        wanted = sum(map(len, room))
        if self.failing:
            return S_IOERR, 0
        if kind == T_GET_ID:
            return S_OK, fill(room, self.serial.encode().ljust(20, b'\0'))
        if kind == T_FLUSH:
            self.counts['flushes'] += 1
            self.store.flush()
            return S_OK, 0
        if kind not in (T_IN, T_OUT):
            return S_UNSUPP, 0
        if start + max(wanted, len(data)) > min(self.store.size, self.config['capacity'] * SECTOR):
            self.counts['beyond_end'] += 1
            return S_IOERR, 0
        if kind == T_IN:
            return S_OK, fill(room, memoryview(self.store.cache)[start:start + wanted])
        self.store.write(start, data)
        return S_OK, 0

    # what the tests want

    def command(self):
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        answer = COMMANDS[(words := json.loads(line))[0]](self, *words[1:])
        print(json.dumps(answer), flush=True)

    def serve_all(self):
        for ring in self.rings:
            self.serve(ring)

    def do_fault(self, name, times=1, wanted=1):
        """The next `times` requests are answered with a fault (-1: all), each as soon as `wanted` requests wait."""
        self.faults = [entry for entry in self.faults if entry[0] != name]
        if times:
            self.faults.append([name, times, wanted])
        self.serve_all()

    def do_hold(self, held):
        self.held = held
        self.serve_all()

    def do_fail(self, failing):
        self.failing = failing

    def do_pending(self):
        return sum(len(ring.pending()) for ring in self.rings if ring.started)

    def do_interrupt(self, times):
        for _ in range(times):
            for ring in self.rings:
                self.interrupt(ring)

    def do_capacity(self, sectors):
        self.config['capacity'] = sectors
        self.to_qemu.sendall(HEADER.pack(CONFIG_CHANGED, VERSION, 0))

    def do_stats(self):
        return {**self.counts, 'violations': self.violations}

    def do_lose_power(self, seed):
        self.store.lose_power(seed)
        os.kill(os.getpid(), signal.SIGKILL)


COMMANDS = {'fault': Backend.do_fault, 'hold': Backend.do_hold, 'fail': Backend.do_fail, 'pending': Backend.do_pending,
            'interrupt': Backend.do_interrupt, 'capacity': Backend.do_capacity, 'stats': Backend.do_stats,
            'lose_power': Backend.do_lose_power}


def fill(room, data):
    done = 0
    for view in room:
        part = data[done:done + len(view)]
        view[:len(part)] = part
        done += len(part)
    return done


if __name__ == '__main__':
    Backend(**json.loads(sys.argv[1])).run()
