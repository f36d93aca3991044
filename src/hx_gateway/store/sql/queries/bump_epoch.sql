UPDATE hx_epoch SET value = value + 1
