"""The command line of a run of seconds: a tiny network, eight pairs of 16 × 16 pixels in two batches."""

TINY = ["--data.image_size=16", "--model.network.width=2", "--model.network.depth=1", "--batch_size=4"]
TINY += ["--data.num_workers=0", "--data.val_fraction=0.3"]
PATHS = ["--image_path", "Data/images", "--gt_path", "Data/gt"]
