SELECT value FROM hx_epoch
