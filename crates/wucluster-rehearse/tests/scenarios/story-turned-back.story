A put-away is turned back while its snapshot is pending: the volume gets its next write epoch before it is attached again, and what was written counts.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      2.2  n1: away -> pending
      3.2  n1/home: away -> creating
      5.1  n1: pending -> running
      5.1  n1/home: creating -> available
      5.1  ask: attach vol-0b5c27855ab5a23dc of n1/home to i-04e32841fb9ab5057
      6.5  n1/home: available -> attaching
      7.7  n1/home: attaching -> attached
      9.9  ask: make ext4 on vol0b5c27855ab5a23dc of n1/home
     10.3  ask: mark vol-0b5c27855ab5a23dc of n1/home: content=data filesystem=ext4 own
     11.1  ask: mount n1/home at /mnt/home
     11.6  n1/home has data at write epoch 1
     11.6  n1/home: attached -> mounted
     11.6  -- reached
     11.6  a user writes to n1/home
     11.6  -- drive to away
     12.2  ask: unmount n1/home
     12.6  n1/home: mounted -> attached
     12.6  ask: detach vol-0b5c27855ab5a23dc of n1/home from i-04e32841fb9ab5057
     13.0  n1/home: attached -> detaching
     15.3  n1/home: detaching -> available
     15.3  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=1 sealed
     16.2  ask: terminate i-04e32841fb9ab5057 of n1
     16.6  n1: running -> shutting-down
     16.6  ask: take a snapshot of vol-0b5c27855ab5a23dc of n1/home
     19.1  -- the operator is gone
     19.1  -- drive to launched
     19.6  ask: run an instance for n1
     21.2  n1: away -> pending
     27.1  n1: pending -> running
     27.1  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=2 live generation=2
     27.8  ask: attach vol-0b5c27855ab5a23dc of n1/home to i-042176a21a0b66f67
     29.5  n1/home: available -> attaching
     32.5  n1/home: attaching -> attached
     33.4  ask: mount n1/home at /mnt/home
     33.8  n1/home has data at write epoch 2
     33.8  n1/home: attached -> mounted
     33.8  -- reached
     33.8  a user writes to n1/home
     33.8  -- calm
     33.8  -- drive to launched
     34.4  -- reached
     34.4  -- drive to launched
     35.2  -- reached
     35.2  -- drive to launched
     36.0  -- reached
     36.0  a user writes to n1/home
     36.0  -- drive to away
     36.6  ask: unmount n1/home
     37.2  n1/home: mounted -> attached
     37.2  ask: detach vol-0b5c27855ab5a23dc of n1/home from i-042176a21a0b66f67
     38.9  n1/home: attached -> detaching
     40.9  n1/home: detaching -> available
     40.9  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=2 sealed
     41.3  ask: terminate i-042176a21a0b66f67 of n1
     41.9  n1: running -> shutting-down
     41.9  ask: take a snapshot of vol-0b5c27855ab5a23dc of n1/home
     46.0  n1: shutting-down -> away
     51.5  ask: delete vol-0b5c27855ab5a23dc of n1/home, kept by snap-0d5c806f023785223
     52.3  n1/home: available -> deleting
     53.4  n1/home: deleting -> away
     53.4  -- reached
     53.4  -- drive to launched
     53.9  ask: run an instance for n1
     53.9  ask: make a volume of 1 GiB for n1/home from snap-0d5c806f023785223
     55.4  n1: away -> pending
     55.4  n1/home: away -> creating
     57.5  n1: pending -> running
     58.3  n1/home: creating -> available
     58.3  ask: attach vol-0257d7cd75837e329 of n1/home to i-04223927b329ce5bd
     59.9  n1/home: available -> attaching
     62.0  n1/home: attaching -> attached
     64.6  ask: mount n1/home at /mnt/home
     64.9  n1/home has data at write epoch 3
     64.9  n1/home: attached -> mounted
     64.9  -- reached
