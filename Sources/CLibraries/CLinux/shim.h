#ifndef HAWSER_CLINUX_SHIM_H
#define HAWSER_CLINUX_SHIM_H

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/sysmacros.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/file.h>
#include <linux/fs.h>
#include <linux/loop.h>

/* prctl is variadic, which Swift cannot call. */
static inline int hawser_name_this_thread(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }
static inline int hawser_set_timer_slack(unsigned long nanoseconds) {
    return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}

/* What follows is for LinuxCalls: calls that glibc 2.36 declares only under _GNU_SOURCE, variadic ones, and macros. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The POSIX strerror_r, which returns a number; under _GNU_SOURCE that name is glibc's other one. */
extern int __xpg_strerror_r(int number, char *buffer, size_t size);
static inline int hawser_error_text(int number, char *buffer, size_t size) {
    return __xpg_strerror_r(number, buffer, size);
}
static inline int hawser_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int hawser_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
/* posix_spawn_file_actions_addchdir_np and POSIX_SPAWN_SETSID are GNU extensions of glibc 2.29 and 2.26. */
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
#define HAWSER_POSIX_SPAWN_SETSID 0x80
static inline int hawser_ioctl_int(int fd, unsigned long request, long value) { return ioctl(fd, request, value); }
static inline int hawser_ioctl_pointer(int fd, unsigned long request, void *value) { return ioctl(fd, request, value); }
static inline int hawser_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }
static inline int hawser_mknod_block(const char *path, mode_t mode, unsigned major_, unsigned minor_) {
    return mknod(path, S_IFBLK | mode, makedev(major_, minor_));
}
static inline int hawser_mknod_char(const char *path, mode_t mode, unsigned major_, unsigned minor_) {
    return mknod(path, S_IFCHR | mode, makedev(major_, minor_));
}
/* The ioctl numbers are macros with a cast. BLKGETDISKSEQ came with Linux 5.15: _IOR(0x12, 128, __u64). */
static const unsigned long hawser_blkgetsize64 = BLKGETSIZE64;
static const unsigned long hawser_blkgetdiskseq = _IOR(0x12, 128, unsigned long long);
static inline unsigned hawser_major(dev_t device) { return major(device); }
static inline unsigned hawser_minor(dev_t device) { return minor(device); }
/* si_pid of a finished wait; its siginfo_t member is a macro. */
static inline int hawser_wait_pid(pid_t pid, int options, int *status) { return waitpid(pid, status, options); }
/* A read lease (fcntl(2), "Leases") is refused with EAGAIN while somebody has the file open for writing. F_SETLEASE and
   F_SETSIG are GNU extensions; the signal of a broken lease is made one that is ignored by default. */
static inline int hawser_try_read_lease(int fd) {
    if (fcntl(fd, 10 /* F_SETSIG */, SIGURG) != 0) return -1;
    if (fcntl(fd, 1024 /* F_SETLEASE */, F_RDLCK) != 0) return -1;
    return fcntl(fd, 1024, F_UNLCK);
}
/* The beginning of struct dl_phdr_info (dl_iterate_phdr(3)), which is a GNU extension like the function. */
struct hawser_loaded_object {
    ElfW(Addr) address;
    const char *name;
    const ElfW(Phdr) *segments;
    ElfW(Half) segment_count;
};
extern int dl_iterate_phdr(int (*visit)(struct hawser_loaded_object *object, size_t size, void *context), void *context);
static inline int hawser_bring_up(int socket_, const char *name) {
    struct ifreq request = {0};
    for (int i = 0; name[i] && i < IFNAMSIZ - 1; i++) request.ifr_name[i] = name[i];
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return ioctl(socket_, 0x8914 /* SIOCSIFFLAGS */, &request);
}

#endif
