A process holds a mount while the cluster is put away: that mount is held with its node, all else goes on; once it lets go, the rest goes too.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: run an instance for n2
      0.5  ask: make a blank volume of 1 GiB for n1/home
      0.5  ask: make a blank volume of 1 GiB for n2/home
      2.4  n1: away -> pending
      2.4  n1/home: away -> available
      2.4  n2/home: away -> creating
      3.3  n2: away -> pending
      5.0  n1: pending -> running
      5.0  n2/home: creating -> available
      5.0  ask: attach vol-0e6c1988caa4a55ee of n1/home to i-076707870c85598f1
      6.2  n1/home: available -> attaching
      6.6  n1/home: attaching -> attached
      8.3  ask: make ext4 on vol0e6c1988caa4a55ee of n1/home
      8.7  ask: mark vol-0e6c1988caa4a55ee of n1/home: content=data filesystem=ext4 own
      9.3  n2: pending -> running
      9.3  ask: mount n1/home at /mnt/home
      9.3  ask: attach vol-06095097402ce2467 of n2/home to i-0acdbe8e199f3df9a
      9.6  n1/home has data at write epoch 1
      9.6  n1/home: attached -> mounted
     10.9  n2/home: available -> attaching
     12.8  n2/home: attaching -> attached
     14.0  ask: make ext4 on vol06095097402ce2467 of n2/home
     14.4  ask: mark vol-06095097402ce2467 of n2/home: content=data filesystem=ext4 own
     15.0  ask: mount n2/home at /mnt/home
     15.2  n2/home has data at write epoch 1
     15.2  n2/home: attached -> mounted
     15.2  -- reached
     15.2  a user writes to n1/home
     15.2  a user writes to n2/home
     15.2  -- drive to away
     15.3  a process holds n1/home
     15.9  ask: unmount n1/home
     16.0  ask: unmount n2/home
     16.1  n1/home: umount failed (1): in use
     16.4  n2/home: mounted -> attached
     16.4  ask: detach vol-06095097402ce2467 of n2/home from i-0acdbe8e199f3df9a
     17.1  ask: unmount n1/home
     17.4  n1/home: umount failed (2): in use
     18.2  n2/home: attached -> detaching
     19.2  n2/home: detaching -> available
     19.2  ask: mark vol-06095097402ce2467 of n2/home: epoch=1 sealed
     19.4  ask: unmount n1/home
     19.6  n1/home: umount failed (3): in use
     19.7  ask: terminate i-0acdbe8e199f3df9a of n2
     19.8  held[mount-busy] n1/home: it cannot be unmounted: 1 process holds it (asked 3 times); pid 5000    user     process-5000   a file
     20.1  ask: take a snapshot of vol-06095097402ce2467 of n2/home
     21.3  n2: running -> shutting-down
     23.9  ask: unmount n1/home
     24.1  n1/home: umount failed (4): in use
     27.6  n2: shutting-down -> away
     28.8  ask: delete vol-06095097402ce2467 of n2/home, kept by snap-0e705f15d32a95704
     29.6  n2/home: available -> deleting
     32.6  ask: unmount n1/home
     32.8  n1/home: umount failed (5): in use
     33.3  n2/home: deleting -> away
     43.3  -- held
     43.3  all lets go of n1/home
     43.3  -- drive to away
     43.6  ask: unmount n1/home
     44.1  n1/home: mounted -> attached
     44.1  ask: detach vol-0e6c1988caa4a55ee of n1/home from i-076707870c85598f1
     45.5  n1/home: attached -> detaching
     48.7  n1/home: detaching -> available
     48.7  ask: mark vol-0e6c1988caa4a55ee of n1/home: epoch=1 sealed
     49.6  ask: terminate i-076707870c85598f1 of n1
     49.9  ask: take a snapshot of vol-0e6c1988caa4a55ee of n1/home
     51.5  n1: running -> shutting-down
     58.5  n1: shutting-down -> away
     68.5  ask: delete vol-0e6c1988caa4a55ee of n1/home, kept by snap-00d17d20ce3694fab
     69.4  n1/home: available -> deleting
     70.2  n1/home: deleting -> away
     70.2  -- reached
     70.2  -- calm
     70.2  -- drive to away
     70.6  -- reached
     70.6  -- drive to away
     71.1  -- reached
     71.1  -- drive to launched
     71.5  ask: run an instance for n1
     71.5  ask: run an instance for n2
     71.5  ask: make a volume of 1 GiB for n1/home from snap-00d17d20ce3694fab
     71.5  ask: make a volume of 1 GiB for n2/home from snap-0e705f15d32a95704
     73.1  n1: away -> pending
     73.1  n1/home: away -> creating
     74.0  n2: away -> pending
     74.0  n2/home: away -> available
     76.0  n1/home: creating -> available
     78.2  n1: pending -> running
     78.2  ask: attach vol-09e716de07068f938 of n1/home to i-0c5fd3f6f3b7f167c
     79.0  n1/home: available -> attaching
     79.0  n2: pending -> running
     79.0  ask: attach vol-09bc5deacad146063 of n2/home to i-004bdce1a20019509
     79.8  n2/home: available -> attaching
     80.9  n1/home: attaching -> attached
     82.0  n2/home: attaching -> attached
     82.7  ask: mount n1/home at /mnt/home
     83.1  n1/home has data at write epoch 2
     83.1  n1/home: attached -> mounted
     83.7  ask: mount n2/home at /mnt/home
     84.0  n2/home has data at write epoch 2
     84.0  n2/home: attached -> mounted
     84.0  -- reached
     84.0  a user writes to n1/home
     84.0  a user writes to n2/home
     84.0  -- drive to away
     84.5  ask: unmount n1/home
     84.6  ask: unmount n2/home
     84.9  n1/home: mounted -> attached
     84.9  ask: detach vol-09e716de07068f938 of n1/home from i-0c5fd3f6f3b7f167c
     84.9  n2/home: mounted -> attached
     84.9  ask: detach vol-09bc5deacad146063 of n2/home from i-004bdce1a20019509
     85.6  n1/home: attached -> detaching
     85.6  n2/home: attached -> detaching
     87.4  n2/home: detaching -> available
     87.4  ask: mark vol-09bc5deacad146063 of n2/home: epoch=2 sealed
     88.1  ask: terminate i-004bdce1a20019509 of n2
     88.6  ask: take a snapshot of vol-09bc5deacad146063 of n2/home
     89.5  n1/home: detaching -> available
     89.5  n2: running -> shutting-down
     89.5  ask: mark vol-09e716de07068f938 of n1/home: epoch=2 sealed
     90.3  ask: terminate i-0c5fd3f6f3b7f167c of n1
     91.2  n1: running -> shutting-down
     91.2  ask: take a snapshot of vol-09e716de07068f938 of n1/home
     92.0  n2: shutting-down -> away
     95.8  ask: delete vol-09bc5deacad146063 of n2/home, kept by snap-006a0d7ded1cb98ab
     96.8  n2/home: available -> deleting
     97.7  n1: shutting-down -> away
     98.6  n2/home: deleting -> away
    105.5  ask: delete vol-09e716de07068f938 of n1/home, kept by snap-0f371aaa6c8e2c332
    106.3  n1/home: available -> deleting
    107.0  n1/home: deleting -> away
    107.0  -- reached
    107.0  -- drive to launched
    107.5  ask: run an instance for n1
    107.5  ask: run an instance for n2
    107.5  ask: make a volume of 1 GiB for n1/home from snap-0f371aaa6c8e2c332
    107.5  ask: make a volume of 1 GiB for n2/home from snap-006a0d7ded1cb98ab
    109.3  n1: away -> pending
    109.3  n1/home: away -> creating
    109.3  n2/home: away -> available
    110.4  n2: away -> running
    110.4  ask: attach vol-0166219fc75a43c3d of n2/home to i-081197491e2acda7a
    111.2  n1/home: creating -> available
    111.2  n2/home: available -> attaching
    115.0  n2/home: attaching -> attached
    115.2  ask: mount n2/home at /mnt/home
    115.7  n2/home has data at write epoch 3
    115.7  n2/home: attached -> mounted
    116.1  n1: pending -> running
    116.1  ask: attach vol-0b53faa42b880e22d of n1/home to i-0c3e48645f8eee864
    117.7  n1/home: available -> attached
    118.2  ask: mount n1/home at /mnt/home
    118.6  n1/home has data at write epoch 3
    118.6  n1/home: attached -> mounted
    118.6  -- reached
