"""Everything of multiprocessing that needs the kernel's help, by each of its ways to start a process."""

import multiprocessing as mp
import sys
from multiprocessing.context import BaseContext
from multiprocessing.shared_memory import SharedMemory


def square(number: int) -> int:
    return number * number


def answer(queue: "mp.Queue[int]") -> None:
    queue.put(7)


def fill(name: str) -> None:
    memory = SharedMemory(name)
    memory.buf[0] = 42
    memory.close()


def count(lock: "mp.Lock", value: "mp.Value") -> None:
    for _ in range(50):
        with lock:
            value.value += 1


def run(context: BaseContext, *arguments: object) -> None:
    process = context.Process(target=arguments[0], args=arguments[1:])
    process.start()
    process.join()


def pool(context: BaseContext) -> object:
    with context.Pool(2) as workers:
        return workers.map(square, range(4))


def queue(context: BaseContext) -> object:
    answers = context.Queue()
    run(context, answer, answers)
    return answers.get(timeout=30)


def lock(context: BaseContext) -> object:
    value, guard = context.Value("i", 0, lock=False), context.Lock()
    processes = [context.Process(target=count, args=(guard, value)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return value.value


def memory(context: BaseContext) -> object:
    shared = SharedMemory(create=True, size=64)
    run(context, fill, shared.name)
    filled = shared.buf[0]
    shared.close()
    shared.unlink()
    return filled


def manager(context: BaseContext) -> object:
    with context.Manager() as served:
        return dict(served.dict(a=1))


if __name__ == "__main__":
    for method in filter(None, sys.argv[1:]):
        print(method, *(act(mp.get_context(method)) for act in (pool, queue, lock, memory, manager)))
