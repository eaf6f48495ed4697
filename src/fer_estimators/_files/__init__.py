"""Read untrusted files, and write files that must not be lost.

Archives, kinds of files, the decoding of images, and atomic writing, for every package that reads
or writes files. Nothing here imports Keras.
"""
